#include "dirty.h"

int dirty_open(struct dirty_table *t, const struct lmdb_store *store, MDB_txn *txn, MDB_dbi dbi)
{
    *t = (struct dirty_table){ .store = store, .txn = txn, .dbi = dbi };
    const int rc = mdb_stat(txn, dbi, &t->before);
    return rc == 0 ? mdb_cursor_open(txn, dbi, &t->cursor) : rc;
}

/* A put after that finds its leaf without a walk from the root. */
int dirty_find(struct dirty_table *t, MDB_val key, MDB_val *ret)
{
    MDB_val found = key;
    *ret = (MDB_val){ 0 };
    const int rc = mdb_cursor_get(t->cursor, &found, ret, MDB_SET_RANGE);
    if (rc != 0)
        return rc;
    return bytes_equal(val_bytes(found), val_bytes(key)) ? 0 : MDB_NOTFOUND;
}

static bool is_mapped(const struct lmdb_store *s, const void *at)
{
    return s->map == NULL || (uintptr_t)at - (uintptr_t)s->map < s->map_bytes;
}

/* @at is in a leaf of the map, and not yet in a copy of it: another leaf is changed. */
static bool count_leaf(struct dirty_table *t, MDB_val at)
{
    if (at.mv_data == NULL || at.mv_data == t->last || !is_mapped(t->store, at.mv_data))
        return false;
    t->last = at.mv_data;
    t->leaves++;
    return true;
}

int dirty_put(struct dirty_table *t, MDB_val key, MDB_val *value, MDB_val at, unsigned flags)
{
    count_leaf(t, at);
    if (value->mv_size > t->before.ms_psize / 2)
        t->large += value->mv_size / t->before.ms_psize + 1;
    return mdb_cursor_put(t->cursor, &key, value, flags);
}

int dirty_delete(struct dirty_table *t, MDB_val at)
{
    if (count_leaf(t, at))
        t->leaves++;
    return mdb_cursor_del(t->cursor, 0);
}

static size_t size_of(const MDB_stat *s)
{
    return s->ms_leaf_pages + s->ms_branch_pages;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t dirty_pages(const struct dirty_table *t)
{
    MDB_stat now;
    const MDB_stat *before = &t->before;
    const size_t changed = least(t->leaves, before->ms_leaf_pages) +
                           least(t->leaves, before->ms_branch_pages) + t->large;
    if (mdb_stat(t->txn, t->dbi, &now) != 0 || size_of(&now) < size_of(before))
        return changed;
    return changed + size_of(&now) - size_of(before);
}
