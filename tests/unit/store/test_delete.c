/* Deleting: what is gone, what stays, and what comes again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store_numbers.h"
#include "lib/store_world.h"
#include "store/lmdb/lmdb_internal.h"

static struct store_world w;

static void init(void)
{
    store_world_open(&w);
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(delete, .init = init, .fini = fini);

static void put_sample(void)
{
    store_put(&w, "b", "1", "one");
    store_put(&w, "a", "2", "two");
    store_put(&w, "b", "3", "three");
    store_put(&w, "c", "4", "four");
    store_commit(&w);
}

/* The second time a reader knows where the few records of a group are. */
static void expect_group(uint32_t group, const char *want)
{
    for (int i = 0; i < 2; i++) {
        struct position at = { .group = group };
        cr_assert_str_eq(store_scan(&w, &at, group), want, "time %d", i);
    }
}

static void expect_counts(uint64_t records, uint64_t groups)
{
    store_begin(&w);
    cr_assert_eq(count_of(w.reader), records);
    cr_assert_eq(groups_of(w.reader), groups);
    store_end(&w);
    const struct store_stats s = store_figures(&w);
    cr_assert(s.records == records && s.groups == groups);
    const struct store_check c = store_sound(&w);
    cr_assert(c.records == records && c.groups == groups);
}

Test(delete, a_record_is_gone)
{
    put_sample();
    expect_group(0, "0.1=one 0.3=three ");
    cr_assert_eq(store_delete_now(&w, "1"), WRITE_DELETED);
    cr_assert_null(store_get(&w, "1"));
    expect_group(0, "0.3=three ");
    cr_assert_str_eq(store_list(&w), "0.3=three 1.2=two 2.4=four ");
    expect_counts(3, 3);
    cr_assert_eq(store_delete_now(&w, "1"), WRITE_MISSING);
    cr_assert_eq(store_delete_now(&w, "never was"), WRITE_MISSING);
    expect_counts(3, 3);
}

Test(delete, a_step_under_way_sees_it_still)
{
    put_sample();
    expect_group(0, "0.1=one 0.3=three ");
    store_begin(&w);
    store_delete_now(&w, "1");
    expect_group(0, "0.1=one 0.3=three ");
    cr_assert_str_eq(store_get(&w, "1"), "one");
    cr_assert_eq(count_of(w.reader), 4);
    store_end(&w);
    expect_group(0, "0.3=three ");
}

Test(delete, a_position_whose_record_is_gone_goes_on)
{
    put_sample();
    struct position at = { 0, 1 };
    store_delete_now(&w, "1");
    cr_assert_str_eq(store_scan(&w, &at, UINT32_MAX), "0.3=three 1.2=two 2.4=four ");
}

Test(delete, an_empty_group_stays_and_fills_again)
{
    uint32_t ordinal = 9;
    struct bytes id;
    put_sample();
    store_delete_now(&w, "2");
    expect_group(1, "");
    expect_counts(3, 3);
    store_begin(&w);
    cr_assert_eq(reader_group(w.reader, bytes_of_text("a"), &ordinal), 1);
    cr_assert_eq(ordinal, 1);
    cr_assert_eq(reader_group_id(w.reader, 1, &id), 1);
    store_end(&w);
    cr_assert_str_eq(store_list(&w), "0.1=one 0.3=three 2.4=four ");
    store_put_now(&w, "a", "5", "five");
    expect_group(1, "1.5=five ");
    cr_assert_str_eq(store_list(&w), "0.1=one 0.3=three 1.5=five 2.4=four ");
    expect_counts(4, 3);
}

/* Where records are appended. */
Test(delete, in_the_last_group)
{
    put_sample();
    store_delete(&w, "4");
    store_put(&w, "c", "5", "five");
    store_delete(&w, "5");
    store_put(&w, "c", "6", "six");
    store_commit(&w);
    cr_assert_str_eq(store_list(&w), "0.1=one 0.3=three 1.2=two 2.6=six ");
    store_delete_now(&w, "6");
    store_put_now(&w, "d", "7", "seven");
    store_delete_now(&w, "7");
    store_put_now(&w, "c", "8", "eight");
    cr_assert_str_eq(store_list(&w), "0.1=one 0.3=three 1.2=two 2.8=eight ");
    expect_counts(4, 4);
}

Test(delete, everything)
{
    put_sample();
    for (const char *id = "1234"; *id != '\0'; id++)
        store_delete(&w, (char[]){ *id, '\0' });
    store_commit(&w);
    cr_assert_str_eq(store_list(&w), "");
    expect_counts(0, 3);
    store_world_stop(&w);
    store_world_start(&w);
    cr_assert_str_eq(store_list(&w), "");
    store_put_now(&w, "c", "5", "five");
    store_put_now(&w, "b", "1", "one");
    cr_assert_str_eq(store_list(&w), "0.6=one 2.5=five ");
    expect_counts(2, 3);
}

Test(delete, and_put_in_one_batch)
{
    store_put_now(&w, "a", "1", "x");
    store_delete(&w, "1");
    store_put(&w, "a", "1", "y");
    store_commit(&w);
    cr_assert_str_eq(store_list(&w), "0.2=y ");
    store_put(&w, "a", "1", "z");
    store_delete(&w, "1");
    store_commit(&w);
    cr_assert_eq(w.result, WRITE_DELETED);
    store_put(&w, "a", "2", "z");
    store_delete(&w, "2");
    store_delete(&w, "2");
    store_commit(&w);
    cr_assert_eq(w.result, WRITE_MISSING);
    cr_assert_str_eq(store_list(&w), "");
    uint64_t revision = 0;
    cr_assert_str_eq(store_changes(&w, &revision, SIZE_MAX, 0),
                     "1+1@0.1 2-1@0.1 3+1@0.2 4+1@0.2 5-1@0.2 6+2@0.3 7-2@0.3 ");
    expect_counts(0, 1);
}

static void put_large(const char *group, const char *id, size_t bytes)
{
    char *text = malloc(bytes + 1);
    memset(text, 'l', bytes);
    text[bytes] = '\0';
    store_put(&w, group, id, text);
    free(text);
}

Test(delete, a_large_value)
{
    put_large("a", "1", 100000);
    put_large("b", "2", 200000);
    put_large("a", "3", 5000);
    store_commit(&w);
    store_delete(&w, "2");
    store_delete(&w, "1");
    store_commit(&w);
    expect_counts(1, 2);
    put_large("a", "4", 5000);
    store_delete(&w, "4");
    store_delete(&w, "3");
    store_commit(&w);
    expect_counts(0, 2);
}

/* --- Pages -------------------------------------------------------------------------- */

static void put_many(unsigned from, unsigned n, size_t bytes)
{
    for (unsigned i = from; i < from + n; i++) {
        char id[16], group[16];
        snprintf(id, sizeof id, "%u", i);
        snprintf(group, sizeof group, "g%u", i % 7);
        put_large(group, id, bytes);
    }
    store_commit(&w);
}

static void delete_many(unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i * 7 % n + from);
        store_delete(&w, id);
    }
    store_commit(&w);
}

static void expect_pages_used_again(size_t value_bytes)
{
    uint64_t settled = 0;
    w.options.keep_changes = 1000;
    store_world_stop(&w);
    store_world_start(&w);
    for (unsigned round = 0; round < 30; round++) {
        put_many(round * 1000, 1000, value_bytes);
        delete_many(round * 1000, 1000);
        if (round == 9)
            settled = store_figures(&w).used_bytes;
    }
    expect_counts(0, 7);
    const uint64_t used = store_figures(&w).used_bytes;
    cr_assert_leq(used, settled + settled / 10, "%zu after 10 rounds, %zu after 30",
                  (size_t)settled, (size_t)used);
}

Test(delete, pages_are_used_again)
{
    expect_pages_used_again(200);
}

Test(delete, pages_of_large_values_are_used_again)
{
    expect_pages_used_again(6000);
}

/* --- Commits ------------------------------------------------------------------------ */

/* While the test holds LMDB's write lock, batches pile up behind it. */
Test(delete, a_commit_of_deletes_is_bounded)
{
    enum { BATCHES = 12, EACH = 4000 };
    MDB_txn *txn;
    MDB_envinfo before, after;
    for (unsigned i = 0; i < BATCHES; i++)
        put_many(i * EACH, EACH, 100);
    mdb_env_info(lmdb_store_of(w.store)->env, &before);
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, 0, &txn), 0);
    for (unsigned i = 0; i < BATCHES; i++) {
        for (unsigned k = i; k < BATCHES * EACH; k += BATCHES) {
            char id[16];
            snprintf(id, sizeof id, "%u", k);
            store_delete(&w, id);
        }
        store_send(&w);
    }
    mdb_txn_abort(txn);
    store_await(&w);
    mdb_env_info(lmdb_store_of(w.store)->env, &after);
    cr_assert_geq(after.me_last_txnid - before.me_last_txnid, 3);
    expect_counts(0, 7);
}
