#include "change_log.h"

#include "base/clock.h"

int change_log_open(struct change_log *log, struct store *store, MDB_txn *txn)
{
    log->store = store;
    log->added = log->len = log->n = 0;
    log->time_ms = clock_unix_ms();
    const int rc = meta_get(store, txn, "revision", &log->before);
    log->revision = log->before;
    return rc == 0 ? dirty_open(&log->table, store, txn, store->changes) : rc;
}

static int write_block(struct change_log *log)
{
    uint8_t room[REVISION_KEY_BYTES];
    MDB_val block = val_of(log->block, log->len);
    if (log->n == 0)
        return 0;
    block_end(log->block, log->len, log->n, log->revision, log->time_ms);
    log->len = log->n = 0;
    log->added++;
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

/* Drops the oldest block if enough changes are left without it; *ret says whether. */
static int drop_oldest(struct change_log *log, bool *ret)
{
    MDB_val key, stored;
    struct block oldest;
    *ret = false;
    int rc = mdb_cursor_get(log->table.cursor, &key, &stored, MDB_FIRST);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0)
        rc = block_read(key, stored, &oldest);
    if (rc != 0 || log->revision - oldest.last < log->store->keep_changes)
        return rc;
    *ret = true;
    return dirty_delete(&log->table, stored);
}

int change_log_end(struct change_log *log)
{
    bool dropped = true;
    int rc = write_block(log);
    for (size_t i = 0; rc == 0 && dropped && i < log->added + PRUNE_BLOCKS; i++)
        rc = drop_oldest(log, &dropped);
    if (rc == 0 && log->revision != log->before)
        rc = meta_put(log->store, log->table.txn, "revision", log->revision);
    return rc;
}
