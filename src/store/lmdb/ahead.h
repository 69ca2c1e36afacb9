/* Fetching the leaf pages that a scan comes to next, while it copies from this one.
 *
 * Leaf pages lie in the order in which they were written, so the next one lies
 * anywhere: a walk by cursor waits for it twice, for its address (a miss in the
 * TLB) and for its bytes, and that was half the time of a listing. LMDB's API
 * does not tell which page comes next. Its tree does: the branch page above
 * names the leaves in order. This reads the branch pages that the cursor has
 * just walked through, of the same snapshot, and only to know what to prefetch:
 * what a scan returns always comes from LMDB, and a wrong guess costs a little
 * time. With a version of LMDB that we do not know nothing is prefetched.
 *
 * Measured on listings of 1 million posts, each way against the one before:
 *
 *   the page that the cursor came to, all 64 lines at once    a little
 *   the next page, all 64 lines at once                       nothing: a core
 *                                                             has not so many under way
 *   the next page, a few lines with each record               half the time of a scan
 *   and first lines of the next 16 pages, at once             a fifth of a listing's:
 *                                                             address misses overlap,
 *                                                             where each alone is waited for */
#ifndef LMDB_AHEAD_H
#define LMDB_AHEAD_H

#include <stdbool.h>

#include "lmdb_internal.h"

#define LINE_BYTES 64

struct page;

struct ahead {
    struct lmdb_store *store;
    size_t page_bytes; /* SIZE_MAX: of an unknown LMDB, so nothing is done */

    /* One snapshot's tree. */
    size_t snapshot;
    const uint8_t *map;
    uint64_t pages, root; /* pages 0: not known yet */
    unsigned depth;

    uintptr_t leaf;            /* the page that the scan is in */
    unsigned leaves;           /* it came to so far */
    const struct page *parent; /* of it; NULL: not known */
    unsigned index;            /* in its parent */
    unsigned touched;          /* up to this one first lines were fetched */
    const char *line, *end;    /* of the next leaf: to be fetched */
    unsigned lines_a_record;
};

/** For a reader of @store. */
void ahead_init(struct ahead *a, struct lmdb_store *store);

/** A scan begins at the record with @key, which LMDB returned in @txn. */
void ahead_begin(struct ahead *a, MDB_txn *txn, MDB_val key);

/** It came to another leaf page: the one of this record. */
void ahead_enter(struct ahead *a, MDB_txn *txn, MDB_val key);

/** It is at this record. */
static inline void ahead_visit(struct ahead *a, MDB_txn *txn, MDB_val key)
{
    if (((uintptr_t)key.mv_data ^ a->leaf) >= a->page_bytes)
        ahead_enter(a, txn, key);
    for (unsigned i = 0; i < a->lines_a_record && a->line < a->end; i++, a->line += LINE_BYTES)
        __builtin_prefetch(a->line);
}

#endif
