/* What the files of a reader share; for nobody else.
 *
 *   reader.c          steps, and what is there
 *   reader_changes.c  what changed */
#ifndef LMDB_READER_INTERNAL_H
#define LMDB_READER_INTERNAL_H

#include "ahead.h"
#include "lmdb_internal.h"
#include "spots.h"

#define SOUND_LEAVES 1024

/* What reader_put_value() found. A hundred followers of everything look at the same
 * changes in the same snapshot; to find a record is two walks from a root. */
#define PUTS 2048

struct put {
    size_t commit; /* of the snapshot, as in spots.h; 0: empty */
    uint64_t revision;
    bool newest;
    struct bytes value;
};

struct lmdb_reader {
    struct reader reader;
    struct lmdb_store *store;
    MDB_txn *txn;        /* reset between steps: it keeps its place among LMDB's readers */
    MDB_cursor *cursor;  /* in `records`, renewed with it */
    MDB_cursor *changes; /* the same in `changes` */
    struct ahead ahead;
    const uint8_t *end; /* of what of the map is used */

    /* Of the last step's snapshot. */
    size_t commit;
    uintptr_t leaf;               /* the last one that was looked at */
    uint64_t sound[SOUND_LEAVES]; /* numbers of those that are: page 0 is none */
    struct spots spots;
    struct put puts[PUTS]; /* by the revision */

    bool cursor_ready, changes_ready; /* in this step */
    char error[STORE_ERROR_MAX];
};

static inline struct lmdb_reader *lmdb_reader_of(struct reader *reader)
{
    return container_of(reader, struct lmdb_reader, reader);
}

/* Of the engine's table, those in reader_changes.c. */
int lmdb_revision(struct reader *reader, uint64_t *ret);
int lmdb_changes(struct reader *reader, uint64_t *revision, struct change_visit *visit);

/** Notes what went wrong for reader_error(). Returns -1. */
int reader_fail(struct lmdb_reader *r, int rc);

/** Whether the bytes are in the file: LMDB believes the sizes it finds. */
bool is_in_file(const struct lmdb_reader *r, MDB_val v);

/** Whether the leaf page that has @key is whole. */
bool leaf_is_sound(struct lmdb_reader *r, MDB_val key);

#endif
