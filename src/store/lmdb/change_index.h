/* Looks changes up in the log, for --check: by their revision, and deletions by the record
 * that they ended.
 *
 * A record's place is its own: one that was deleted and comes again gets another. So a
 * deletion is known by the sequence number of the record. It takes 16 bytes of memory for
 * each that the log has, and nothing for what was put. */
#ifndef LMDB_CHANGE_INDEX_H
#define LMDB_CHANGE_INDEX_H

#include "change_block.h"

struct deletion {
    uint64_t sequence, revision;
};

struct change_index {
    MDB_cursor *cursor;
    uint64_t oldest;    /* revision of the first change in the log; UINT64_MAX: there is none */
    struct block block; /* the last one that was looked into, at its first change */
    struct deletion *deletions; /* in the order of their sequence numbers */
    size_t n, cap;
};

/** Zeroes @x and reads the whole log, but for blocks that are damaged. Returns 0, ENOMEM
 * or LMDB's error. change_index_close() it, also after that. */
int change_index_open(struct change_index *x, struct lmdb_store *store, MDB_txn *txn);

/** Before the transaction ends; fine on one that is zeroed. */
void change_index_close(struct change_index *x);

/** The change of this revision; its id is valid as long as the transaction. 0;
 * MDB_NOTFOUND: the log does not have it; MDB_CORRUPTED: its block is damaged; ... */
int change_index_find(struct change_index *x, uint64_t revision, struct change *ret);

/** The revision of the change that deleted the record with this sequence number; 0: the
 * log has none. */
uint64_t change_index_deleted(const struct change_index *x, uint64_t sequence);

#endif
