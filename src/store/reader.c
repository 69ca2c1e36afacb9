/* Reading: one transaction per reader, renewed for each step. */
#include <stdlib.h>

#include "ahead.h"
#include "internal.h"

struct reader {
    struct store *store;
    MDB_txn *txn;       /* reset between steps: it keeps its place among LMDB's readers */
    MDB_cursor *cursor; /* in `records`, renewed with it */
    struct ahead ahead;
    char error[STORE_ERROR_MAX];
};

static int fail(struct reader *r, int rc)
{
    return store_fail(r->error, "cannot read the store in %s: %s", r->store->dir,
                      rc == MDB_CORRUPTED ? "it is damaged; restore it from a backup"
                                          : mdb_strerror(rc));
}

int reader_new(struct reader **ret, struct store *store, char error[STORE_ERROR_MAX])
{
    int rc;
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return store_fail(error, "cannot read the store in %s: out of memory", store->dir);
    r->store = store;
    rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &r->txn);
    if (rc != 0)
        goto err;
    rc = mdb_cursor_open(r->txn, store->records, &r->cursor);
    if (rc != 0)
        goto err_after_txn;
    mdb_txn_reset(r->txn);
    ahead_init(&r->ahead, store);
    *ret = r;
    return 0;

err_after_txn:
    mdb_txn_abort(r->txn);
err:
    store_fail(error, "cannot read the store in %s: %s", store->dir, mdb_strerror(rc));
    free(r);
    return -1;
}

void reader_free(struct reader *r)
{
    if (r == NULL)
        return;
    mdb_cursor_close(r->cursor);
    mdb_txn_abort(r->txn);
    free(r);
}

int reader_begin(struct reader *r, char error[STORE_ERROR_MAX])
{
    int rc = mdb_txn_renew(r->txn);
    if (rc != 0)
        return store_fail(error, "cannot read the store in %s: %s", r->store->dir,
                          mdb_strerror(rc));
    rc = mdb_cursor_renew(r->txn, r->cursor);
    if (rc != 0) {
        mdb_txn_reset(r->txn);
        return store_fail(error, "cannot read the store in %s: %s", r->store->dir,
                          mdb_strerror(rc));
    }
    return 0;
}

void reader_end(struct reader *r)
{
    mdb_txn_reset(r->txn);
}

const char *reader_error(const struct reader *r)
{
    return r->error;
}

uint64_t reader_count(struct reader *r)
{
    MDB_stat records;
    return mdb_stat(r->txn, r->store->records, &records) == 0 ? records.ms_entries : 0;
}

int reader_get(struct reader *r, struct bytes id, struct bytes *ret_value)
{
    if (id.len == 0 || id.len > STORE_ID_MAX)
        return 0;
    MDB_val key = val_of(id.data, id.len), place, value;
    int rc = mdb_get(r->txn, r->store->ids, &key, &place);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && place.mv_size != RECORD_KEY_BYTES)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        rc = mdb_get(r->txn, r->store->records, &place, &value);
    if (rc == MDB_NOTFOUND)
        rc = MDB_CORRUPTED; /* an id without its record */
    if (rc != 0)
        return fail(r, rc);
    *ret_value = val_bytes(value);
    return 1;
}

int reader_group(struct reader *r, struct bytes id, uint32_t *ret_ordinal)
{
    if (id.len > STORE_ID_MAX)
        return 0;
    int rc = group_find(r->store, r->txn, id, ret_ordinal);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : fail(r, rc);
}

int reader_group_id(struct reader *r, uint32_t ordinal, struct bytes *ret_id)
{
    uint8_t room[sizeof ordinal];
    be32_write(room, ordinal);
    MDB_val key = val_of(room, sizeof room), value;
    int rc = mdb_get(r->txn, r->store->order, &key, &value);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && value.mv_size > STORE_ID_MAX)
        rc = MDB_CORRUPTED;
    if (rc != 0)
        return fail(r, rc);
    *ret_id = val_bytes(value);
    return 1;
}

/* The place strictly after @at; false: there is none. */
static bool step_after(struct position *at)
{
    if (++at->sequence != 0)
        return true;
    return ++at->group != 0;
}

int reader_scan(struct reader *r, struct position *at, uint32_t last_group, struct visit *visit)
{
    struct position from = *at;
    if (!step_after(&from))
        return 0;
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val key = record_key(room, from), value;
    int rc = mdb_cursor_get(r->cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0)
        ahead_begin(&r->ahead, r->txn, key);
    for (; rc == 0; rc = mdb_cursor_get(r->cursor, &key, &value, MDB_NEXT)) {
        ahead_visit(&r->ahead, r->txn, key);
        if (key.mv_size != RECORD_KEY_BYTES)
            return fail(r, MDB_CORRUPTED);
        struct position here = record_key_read(key.mv_data);
        if (here.group > last_group)
            return 0;
        if (!visit->record(visit, here, val_bytes(value)))
            return 1;
        *at = here;
    }
    return rc == MDB_NOTFOUND ? 0 : fail(r, rc);
}
