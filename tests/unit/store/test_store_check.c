/* What --check finds in the log of changes, and beside it. Each is what no program of ours
 * has written, in pages that are whole. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store_world.h"
#include "store/lmdb/change_block.h"
#include "store/lmdb/reader_internal.h"

enum { COMMITS = 3, IN_EACH = 300 }; /* some blocks each */

static struct store_world w;
static char said[4096];

static void init(void)
{
    store_world_open(&w);
    for (int i = 0; i < COMMITS * IN_EACH; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        store_put(&w, "g", id, "");
        if (i % IN_EACH == IN_EACH - 1)
            store_commit(&w);
    }
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(store_check, .init = init, .fini = fini);

static void write_down(struct store_check *check, const char *line)
{
    (void)check;
    const size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", line);
}

static struct store_check look(void)
{
    char error[STORE_ERROR_MAX];
    struct store_check c = { .read = store_world_read, .problem = write_down };
    said[0] = '\0';
    store_world_stop(&w);
    cr_assert_eq(store_check(w.dir, "posts", &c, error), 0, "%s", error);
    store_world_start(&w);
    return c;
}

static void expect_found(const char *what)
{
    const struct store_check c = look();
    cr_assert_gt(c.problems, 0);
    cr_assert_not_null(strstr(said, what), "\"%s\" in: %s", what, said);
}

/* --- Tampering ---------------------------------------------------------------------- */

static MDB_txn *begin(void)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, 0, &txn), 0);
    return txn;
}

/* The block that has @revision. */
static MDB_cursor *block_of(MDB_txn *txn, uint64_t revision, MDB_val *key, MDB_val *stored)
{
    static uint8_t room[REVISION_KEY_BYTES];
    MDB_cursor *cursor;
    *key = revision_key(room, revision);
    cr_assert_eq(mdb_cursor_open(txn, lmdb_store_of(w.store)->changes, &cursor), 0);
    cr_assert_eq(mdb_cursor_get(cursor, key, stored, MDB_SET_RANGE), 0);
    return cursor;
}

static void drop_block(uint64_t revision)
{
    MDB_txn *txn = begin();
    MDB_val key, stored;
    MDB_cursor *cursor = block_of(txn, revision, &key, &stored);
    cr_assert_eq(mdb_cursor_del(cursor, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

static void put_place(const char *id, uint64_t revision)
{
    MDB_txn *txn = begin();
    uint8_t room[PLACE_BYTES];
    struct place place = { 0 };
    cr_assert_eq(place_find(lmdb_store_of(w.store), txn, bytes_of_text(id), &place), 0);
    place.revision = revision;
    MDB_val key = val_of(id, strlen(id)), value = place_write(room, place, bytes_of_text(id));
    cr_assert_eq(mdb_put(txn, lmdb_store_of(w.store)->ids, &key, &value, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

/* As if the record had never been. */
static void lose_record(const char *id)
{
    MDB_txn *txn = begin();
    uint8_t room[RECORD_KEY_BYTES];
    struct lmdb_store *store = lmdb_store_of(w.store);
    struct place place = { 0 };
    cr_assert_eq(place_find(store, txn, bytes_of_text(id), &place), 0);
    MDB_val key = val_of(id, strlen(id)), at = record_key(room, place.at);
    cr_assert_eq(mdb_del(txn, store->ids, &key, NULL), 0);
    cr_assert_eq(mdb_del(txn, store->records, &at, NULL), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

/* Writes another change in the place of @revision, of a block of one commit. */
static void put_change(uint64_t revision, enum change_kind kind, struct position at, const char *id)
{
    uint8_t block[BLOCK_BYTES];
    MDB_txn *txn = begin();
    MDB_val key, stored;
    struct block b;
    struct change c;
    size_t len = 0;
    MDB_cursor *cursor = block_of(txn, revision, &key, &stored);
    cr_assert_eq(block_read(key, stored, &b), 0);
    const unsigned n = (unsigned)(b.last - b.next + 1);
    while (block_next(&b, &c) == 1) {
        if (c.revision == revision)
            c = (struct change){ .kind = kind, .at = at, .id = bytes_of_text(id) };
        len = block_put(block, len, &c);
    }
    block_end(block, len, n, b.last, b.time_ms);
    MDB_val now = val_of(block, len);
    cr_assert_eq(mdb_cursor_put(cursor, &key, &now, MDB_CURRENT), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

static void put_number(const char *name, uint64_t number)
{
    MDB_txn *txn = begin();
    cr_assert_eq(meta_put(lmdb_store_of(w.store), txn, name, number), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

/* --- What is found ------------------------------------------------------------------ */

Test(store_check, nothing_where_nothing_is_wrong)
{
    const struct store_check c = look();
    cr_assert(c.problems == 0 && c.changes == COMMITS * IN_EACH && c.records == c.changes);
}

/* Each byte of a block, and each bit of it in turn. */
Test(store_check, a_flipped_bit_in_a_block)
{
    MDB_val key, stored;
    MDB_txn *txn = begin();
    MDB_cursor *cursor = block_of(txn, 500, &key, &stored);
    uint8_t copy[BLOCK_BYTES];
    struct block b;
    cr_assert_leq(stored.mv_size, sizeof copy);
    memcpy(copy, stored.mv_data, stored.mv_size);
    cr_assert_eq(block_read(key, val_of(copy, stored.mv_size), &b), 0);
    for (size_t bit = 0; bit < 8 * stored.mv_size; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(block_read(key, val_of(copy, stored.mv_size), &b), MDB_CORRUPTED, "bit %zu",
                     bit);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    copy[100] ^= 1;
    MDB_val damaged = val_of(copy, stored.mv_size);
    cr_assert_eq(mdb_cursor_put(cursor, &key, &damaged, MDB_CURRENT), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    expect_found("are damaged");
}

Test(store_check, a_flipped_bit_in_a_place)
{
    uint8_t room[PLACE_BYTES];
    struct place place = { { 3, 70000 }, 1234567890123 }, back;
    const struct bytes id = bytes_of_text("some id");
    MDB_val stored = place_write(room, place, id);
    cr_assert_eq(place_read(id, stored, &back), 0);
    cr_assert_eq(back.revision, place.revision);
    for (size_t bit = 0; bit < 8 * PLACE_BYTES; bit++) {
        room[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(place_read(id, stored, &back), MDB_CORRUPTED, "bit %zu", bit);
        room[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    stored.mv_size = PLACE_BYTES_2;
    cr_assert_eq(place_read(id, stored, &back), MDB_CORRUPTED, "without its revision");
}

Test(store_check, a_block_that_is_missing)
{
    drop_block(500);
    expect_found("are missing");
}

Test(store_check, the_last_block_that_is_missing)
{
    drop_block(COMMITS * IN_EACH);
    expect_found("900 changes were made, and the last one in the log is");
}

Test(store_check, all_blocks_that_are_missing)
{
    MDB_txn *txn = begin();
    cr_assert_eq(mdb_drop(txn, lmdb_store_of(w.store)->changes, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    expect_found("900 changes were made, and the last one in the log is 0");
}

Test(store_check, a_record_that_does_not_know_its_last_change)
{
    put_place("17", 17);
    expect_found("change 18: the record \"17\" does not know it");
}

Test(store_check, a_revision_that_was_not_given_out)
{
    put_place("17", COMMITS * IN_EACH + 1);
    expect_found("its last change is not known yet");
}

/* The change is another record's, and nobody would be told of this one. */
Test(store_check, a_revision_that_is_of_another_record)
{
    put_place("850", 852);
    expect_found("record 851 of group 0 \"g\": the log has something else as its last change");
    cr_assert_eq(look().problems, 1);
}

Test(store_check, a_last_change_at_another_place)
{
    put_change(18, CHANGE_PUT, (struct position){ 0, 19 }, "17");
    expect_found("record 18 of group 0 \"g\": the log has something else as its last change");
}

Test(store_check, a_last_change_that_deleted_it)
{
    put_change(18, CHANGE_DELETE, (struct position){ 0, 18 }, "17");
    expect_found("record 18 of group 0 \"g\": the log has something else as its last change");
}

Test(store_check, a_record_that_is_gone)
{
    lose_record("850");
    expect_found("change 851: the record \"850\" is gone, and no change says why");
    cr_assert_eq(look().problems, 1);
}

/* What ended an earlier life of the id does not tell how this one ended. */
Test(store_check, a_record_that_came_again_and_is_gone)
{
    store_delete_now(&w, "17");
    store_put_now(&w, "g", "17", "again");
    cr_assert_eq(look().problems, 0);
    lose_record("17");
    expect_found("change 902: the record \"17\" is gone, and no change says why");
    cr_assert_eq(look().problems, 1);
}

Test(store_check, a_deletion_that_is_of_another_record)
{
    store_delete_now(&w, "17");
    put_change(901, CHANGE_DELETE, (struct position){ 0, 18 }, "1000");
    expect_found("change 18: the record \"17\" is gone, and no change says why");
    put_change(901, CHANGE_DELETE, (struct position){ 0, 19 }, "17");
    expect_found("change 18: the record \"17\" is gone, and no change says why");
}

/* Put, changed, deleted, put again; many of them, in an order of their own. */
Test(store_check, nothing_where_records_come_and_go)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COMMITS * IN_EACH; i++) {
            char id[16];
            snprintf(id, sizeof id, "%d", i * 7 % (COMMITS * IN_EACH));
            if (i % (round + 2) != 0)
                store_delete(&w, id);
            else
                store_put(&w, "g", id, round % 2 == 0 ? "new" : "newer");
        }
        store_commit(&w);
        cr_assert_eq(look().problems, 0, "%s", said);
    }
}

Test(store_check, a_deletion_that_was_not_done)
{
    MDB_txn *txn = begin();
    MDB_val key = val_of("17", 2), stored;
    uint8_t copy[PLACE_BYTES];
    cr_assert_eq(mdb_get(txn, lmdb_store_of(w.store)->ids, &key, &stored), 0);
    memcpy(copy, stored.mv_data, PLACE_BYTES);
    mdb_txn_abort(txn);
    store_delete_now(&w, "17");
    txn = begin();
    stored = val_of(copy, PLACE_BYTES);
    cr_assert_eq(mdb_put(txn, lmdb_store_of(w.store)->ids, &key, &stored, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    expect_found("change 901: the record \"17\" does not know it");
}

Test(store_check, a_change_of_a_record_to_come)
{
    put_number("next_sequence", 900);
    expect_found("change 900 is of a record whose number was not given out yet");
}

/* LMDB would walk it with our keys in the wrong order. */
Test(store_check, a_log_in_another_order_is_not_opened)
{
    char error[STORE_ERROR_MAX];
    struct store *store;
    struct store_check c = { .read = store_world_read };
    MDB_dbi other;
    MDB_txn *txn = begin();
    cr_assert_eq(mdb_drop(txn, lmdb_store_of(w.store)->changes, 1), 0);
    cr_assert_eq(mdb_dbi_open(txn, "changes", MDB_CREATE | MDB_REVERSEKEY, &other), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    store_world_stop(&w);
    cr_assert_eq(store_open(&store, w.dir, "posts", NULL, error), -1);
    cr_assert_not_null(strstr(error, "the keys of changes are in another order"), "%s", error);
    cr_assert_eq(store_check(w.dir, "posts", &c, error), -1);
    cr_assert_not_null(strstr(error, "the keys of changes are in another order"), "%s", error);
}

/* --- What a reader says of the same --------------------------------------------------- */

static bool go_on(struct change_visit *visit, const struct change *c)
{
    (void)visit;
    (void)c;
    return true;
}

static int ask(uint64_t *revision)
{
    struct change_visit v = { go_on };
    store_begin(&w);
    const int rv = reader_changes(w.reader, revision, &v);
    store_end(&w);
    return rv;
}

Test(store_check, a_reader_stops_before_a_gap)
{
    uint64_t revision = 0;
    drop_block(500);
    cr_assert_eq(ask(&revision), -1);
    cr_assert_not_null(strstr(reader_error(w.reader), "damaged"));
    cr_assert_lt(revision, 500);
}

Test(store_check, a_reader_knows_that_the_end_is_missing)
{
    uint64_t revision = 0;
    drop_block(COMMITS * IN_EACH);
    cr_assert_eq(ask(&revision), -1);
    revision = COMMITS * IN_EACH;
    cr_assert_eq(ask(&revision), -1, "nor does it wait for what is to come");
}

static int ask_last(void)
{
    uint64_t last = 0;
    store_begin(&w);
    const int rv = reader_revision(w.reader, &last);
    cr_assert(rv == 1 || strstr(reader_error(w.reader), "damaged") != NULL);
    store_end(&w);
    return rv;
}

/* It has no check sum. */
Test(store_check, a_last_revision_that_is_another_is_damage_to_all)
{
    static const uint64_t others[] = { 0, 1, COMMITS * IN_EACH - 1, COMMITS * IN_EACH + 1 };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint64_t revision = others[i];
        put_number("revision", others[i]);
        cr_assert_eq(ask(&revision), -1);
        cr_assert_eq(ask_last(), -1);
        store_put(&w, "g", "new", "");
        store_commit_refused(&w);
        expect_found("changes were made, and the last one in the log is");
    }
    put_number("revision", COMMITS * IN_EACH);
    store_put_now(&w, "g", "new", "");
    cr_assert_eq(look().problems, 0);
}

Test(store_check, a_reader_without_the_last_revision_is_damaged)
{
    uint64_t revision = COMMITS * IN_EACH;
    MDB_txn *txn = begin();
    MDB_val key = val_of("revision", 8), shorter = val_of("short", 5);
    cr_assert_eq(mdb_put(txn, lmdb_store_of(w.store)->meta, &key, &shorter, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    cr_assert_eq(ask(&revision), -1);
    cr_assert_eq(ask_last(), -1);
}

/* LMDB does nothing more for a transaction that has failed. */
Test(store_check, a_reader_that_cannot_count_says_so)
{
    uint64_t n = 0;
    store_begin(&w);
    cr_assert(reader_count(w.reader, &n) == 1 && n == COMMITS * IN_EACH);
    cr_assert(reader_groups(w.reader, &n) == 1 && n == 1);
    mdb_txn_reset(lmdb_reader_of(w.reader)->txn);
    cr_assert_eq(reader_count(w.reader, &n), -1);
    cr_assert_eq(reader_groups(w.reader, &n), -1);
    cr_assert_not_null(strstr(reader_error(w.reader), "cannot read the store"));
    store_end(&w);
}
