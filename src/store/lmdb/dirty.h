/* A table in a transaction that writes, and how many of its pages that changes.
 *
 * LMDB keeps a buffer of a page's size for each page that a transaction changes, and
 * keeps as many as the largest commit ever needed until the environment is closed. So
 * a commit has a limit in pages, and somebody must count them: LMDB tells only how
 * large a table is. What it has grown by is new; what lies in the map, and not in
 * such a buffer, right before it is changed is a leaf that is changed for the first
 * time. Branches are counted as if each of those leaves had its own, while there are
 * that many. A large value has pages of its own, always new ones. A leaf that gets
 * empty takes its neighbour with it, so a deletion counts as two. */
#ifndef LMDB_DIRTY_H
#define LMDB_DIRTY_H

#include "entries.h"

struct dirty_table {
    const struct lmdb_store *store;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor; /* the transaction's end closes it */
    MDB_stat before;
    size_t leaves;    /* of those in `before`, that are changed */
    const void *last; /* that was counted */
    size_t large;     /* pages of large values */
};

/** Zeroes @t and opens @dbi in @txn. Returns 0 or LMDB's error. */
int dirty_open(struct dirty_table *t, const struct lmdb_store *store, MDB_txn *txn, MDB_dbi dbi);

/** Looks for @key. 0: *ret is its value. MDB_NOTFOUND: *ret is where it belongs,
 * NULL data if that is behind all others. Or another error of LMDB's. */
int dirty_find(struct dirty_table *t, MDB_val key, MDB_val *ret);

/** Puts @value under @key, with LMDB's @flags. @at is what dirty_find() gave. With
 * MDB_RESERVE, value->mv_data is where it is to be written. */
int dirty_put(struct dirty_table *t, MDB_val key, MDB_val *value, MDB_val at, unsigned flags);

/** Deletes the entry that the cursor is at, as dirty_find() left it; @at is what that
 * gave. */
int dirty_delete(struct dirty_table *t, MDB_val at);

/** Pages that were changed or are new. */
size_t dirty_pages(const struct dirty_table *t);

#endif
