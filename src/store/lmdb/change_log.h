/* The log of changes, as a transaction writes it: what changed goes to its end, and as
 * many of the oldest go as is needed to keep it bounded.
 *
 * A commit drops as many changes as it adds, and at most PRUNE_BLOCKS blocks more: the log
 * never grows beyond its bound by more than a block, and one that is far over it, since
 * that was lowered, shrinks over many commits, and none of them stalls. Changes and not
 * blocks, because a block of many changes may take the place of one that has a single one. */
#ifndef LMDB_CHANGE_LOG_H
#define LMDB_CHANGE_LOG_H

#include "change_block.h"
#include "dirty.h"

#define PRUNE_BLOCKS 64

struct change_log {
    struct lmdb_store *store;
    struct dirty_table table;
    uint64_t before, revision; /* of the last change: at the start, and now */
    uint64_t time_ms;          /* of the commit */

    uint8_t block[BLOCK_BYTES]; /* that is filled */
    size_t len;
    unsigned n;
};

/** Zeroes @log and opens it in @txn. Returns 0 or LMDB's error, as do all here. */
int change_log_open(struct change_log *log, struct lmdb_store *store, MDB_txn *txn);

/** Another change; *ret_revision is its number. */
int change_log_add(struct change_log *log, enum change_kind kind, struct position at,
                   struct bytes id, uint64_t *ret_revision);

/** Before the commit: writes what is not written yet, and drops what is too old. */
int change_log_end(struct change_log *log);

#endif
