#include "change_log.h"

#include "base/clock.h"

int change_log_open(struct change_log *log, struct lmdb_store *store, MDB_txn *txn)
{
    MDB_val key = { 0 }, stored;
    log->store = store;
    log->len = log->n = 0;
    log->time_ms = clock_unix_ms();
    int rc = meta_get(store, txn, "revision", &log->before);
    if (rc == 0)
        rc = dirty_open(&log->table, store, txn, store->changes);
    if (rc != 0)
        return rc;
    log->revision = log->before;
    rc = mdb_cursor_get(log->table.cursor, &key, &stored, MDB_LAST);
    return log_ends_with(log->before, rc, key);
}

static int write_block(struct change_log *log)
{
    uint8_t room[REVISION_KEY_BYTES];
    MDB_val block = val_of(log->block, log->len);
    if (log->n == 0)
        return 0;
    block_end(log->block, log->len, log->n, log->revision, log->time_ms);
    log->len = log->n = 0;
    return dirty_put(&log->table, revision_key(room, log->revision), &block, (MDB_val){ 0 },
                     MDB_APPEND);
}

int change_log_add(struct change_log *log, enum change_kind kind, struct position at,
                   struct bytes id, uint64_t *ret_revision)
{
    struct change c = { .kind = kind, .at = at, .id = id };
    if (log->len + CHANGE_BYTES_MAX > BLOCK_BYTES) {
        const int rc = write_block(log);
        if (rc != 0)
            return rc;
    }
    log->len = block_put(log->block, log->len, &c);
    log->n++;
    *ret_revision = ++log->revision;
    return 0;
}

/* Drops the oldest block if enough changes are left without it; *ret_n: so many were in it,
 * or 0. */
static int drop_oldest(struct change_log *log, uint64_t *ret_n)
{
    MDB_val key, stored;
    struct block oldest;
    *ret_n = 0;
    int rc = mdb_cursor_get(log->table.cursor, &key, &stored, MDB_FIRST);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = block_read(key, stored, &oldest);
    if (rc != 0 || log->revision - oldest.last < log->store->keep_changes)
        return rc;
    *ret_n = oldest.last - oldest.next + 1;
    return dirty_delete(&log->table, stored);
}

/* As many changes as there are new ones, which may be many more blocks, and then some
 * blocks more. */
static int prune(struct change_log *log)
{
    uint64_t n = 1, dropped = 0;
    int rc = 0;
    for (size_t more = 0; rc == 0 && n > 0 && more < PRUNE_BLOCKS;) {
        rc = drop_oldest(log, &n);
        dropped += n;
        if (dropped > log->revision - log->before)
            more++;
    }
    return rc;
}

int change_log_end(struct change_log *log)
{
    int rc = write_block(log);
    if (rc == 0)
        rc = prune(log);
    if (rc == 0 && log->revision != log->before)
        rc = meta_put(log->store, log->table.txn, "revision", log->revision);
    return rc;
}
