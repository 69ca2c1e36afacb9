#include "format_2.h"

#include <criterion/criterion.h>

#include "store/lmdb/entries.h"

/* An id led to: key of the record ‖ check sum of the id at that place. The id is in the
 * page that changes. */
static void shorten_place(MDB_cursor *cursor, MDB_val id, MDB_val stored)
{
    uint8_t old[PLACE_BYTES_2], copy[STORE_ID_MAX];
    struct place place = { 0 };
    cr_assert_eq(place_read(val_bytes(id), stored, &place), 0);
    memcpy(copy, id.mv_data, id.mv_size);
    id.mv_data = copy;
    record_key(old, place.at);
    be32_write(old + RECORD_KEY_BYTES, check_sum(place.at, val_bytes(id)));
    MDB_val value = val_of(old, sizeof old);
    cr_assert_eq(mdb_cursor_put(cursor, &id, &value, MDB_CURRENT), 0);
}

static void shorten_places(struct lmdb_store *s, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val id, stored;
    cr_assert_eq(mdb_cursor_open(txn, s->ids, &cursor), 0);
    while (mdb_cursor_get(cursor, &id, &stored, MDB_NEXT) == 0)
        shorten_place(cursor, id, stored);
    mdb_cursor_close(cursor);
}

void format_2(struct store_world *w)
{
    struct lmdb_store *s = lmdb_store_of(w->store);
    MDB_txn *txn;
    MDB_val revision = val_of("revision", 8);
    cr_assert_eq(mdb_txn_begin(s->env, NULL, 0, &txn), 0);
    shorten_places(s, txn);
    cr_assert_eq(mdb_drop(txn, s->changes, 1), 0);
    cr_assert_eq(mdb_del(txn, s->meta, &revision, NULL), 0);
    cr_assert_eq(meta_put(s, txn, "version", STORE_FORMAT_TAKEN), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}
