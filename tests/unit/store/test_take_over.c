/* A store of format 2, which had no log of changes and no revisions, is taken over. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format_2.h"
#include "lib/tmpdir.h"
#include "store/lmdb/entries.h"

static struct store_world w;

static void init(void)
{
    store_world_open(&w);
    store_put(&w, "b", "1", "one");
    store_put(&w, "a", "2", "two");
    store_put(&w, "b", "3", "three");
    store_put(&w, "c", "4", "four");
    store_commit(&w);
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(take_over, .init = init, .fini = fini);

#define SAMPLE "0.1=one 0.3=three 1.2=two 2.4=four "

static uint64_t format_of(void)
{
    MDB_txn *txn;
    uint64_t version;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(meta_get(lmdb_store_of(w.store), txn, "version", &version), 0);
    mdb_txn_abort(txn);
    return version;
}

static void take_over(void)
{
    format_2(&w);
    store_world_stop(&w);
    store_world_start(&w);
    cr_assert_eq(format_of(), STORE_FORMAT);
}

static const char *changes_after(uint64_t revision)
{
    return store_changes(&w, &revision, SIZE_MAX, 0);
}

Test(take_over, keeps_everything)
{
    const uint64_t id = store_id(w.store);
    take_over();
    cr_assert_eq(store_id(w.store), id, "tokens stay good");
    cr_assert_str_eq(store_list(&w), SAMPLE);
    cr_assert_str_eq(store_get(&w, "3"), "three");
    cr_assert_str_eq(changes_after(0), "", "what was before is no change");
    const struct store_check c = store_sound(&w);
    cr_assert(c.records == 4 && c.groups == 3 && c.changes == 0);
}

Test(take_over, changes_begin_with_the_first)
{
    take_over();
    cr_assert_eq(store_put_now(&w, "a", "2", "two"), WRITE_UNCHANGED);
    cr_assert_eq(store_put_now(&w, "b", "2", "two"), WRITE_FOREIGN);
    cr_assert_eq(store_put_now(&w, "a", "2", "TWO"), WRITE_UPDATED);
    cr_assert_eq(store_delete_now(&w, "1"), WRITE_DELETED);
    cr_assert_eq(store_put_now(&w, "c", "5", "five"), WRITE_NEW);
    cr_assert_str_eq(changes_after(0), "1+2@1.2 2-1@0.1 3+5@2.5 ");
    cr_assert_str_eq(store_list(&w), "0.3=three 1.2=TWO 2.4=four 2.5=five ");
    store_sound(&w);
    store_world_stop(&w);
    store_world_start(&w);
    cr_assert_str_eq(changes_after(1), "2-1@0.1 3+5@2.5 ");
}

struct put_visit {
    struct change_visit visit;
    int found;
};

static bool find_value(struct change_visit *visit, const struct change *c)
{
    struct bytes value;
    ((struct put_visit *)visit)->found = reader_put_value(w.reader, c, &value);
    return true;
}

Test(take_over, a_record_of_before_gets_a_revision_when_it_changes)
{
    struct put_visit v = { .visit.change = find_value };
    uint64_t revision = 0;
    take_over();
    store_put_now(&w, "a", "2", "TWO");
    store_begin(&w);
    cr_assert_eq(reader_changes(w.reader, &revision, &v.visit), 0);
    cr_assert_eq(v.found, 1);
    store_end(&w);
}

/* Every entry of `ids` gets longer. */
Test(take_over, all_of_many_can_change)
{
    enum { N = 3000 };
    char id[STORE_ID_MAX];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            snprintf(id, sizeof id, "many-%d", i * 7919 % N);
            store_put(&w, "m", id, round == 0 ? "before" : "after");
        }
        store_commit(&w);
        if (round == 0)
            take_over();
    }
    const struct store_check c = store_sound(&w);
    cr_assert(c.records == N + 4 && c.changes == N);
    cr_assert_str_eq(store_get(&w, "many-17"), "after");
}

Test(take_over, of_an_empty_store)
{
    for (const char *id = "1234"; *id != '\0'; id++)
        store_delete(&w, (char[]){ *id, '\0' });
    store_commit(&w);
    take_over();
    store_put_now(&w, "b", "1", "again");
    cr_assert_str_eq(changes_after(0), "1+1@0.5 ");
    store_sound(&w);
}

/* --check changes nothing. */
Test(take_over, a_check_does_not)
{
    char error[STORE_ERROR_MAX];
    struct store_check check = { .read = store_world_read };
    format_2(&w);
    store_world_stop(&w);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(store_check(w.dir, "posts", &check, error), 0, "%s", error);
        cr_assert_eq(check.problems, 0);
        cr_assert(check.records == 4 && check.groups == 3 && check.changes == 0);
    }
    struct lmdb_store *look = calloc(1, sizeof *look);
    look->lock_fd = -1;
    look->dir = strdup(w.dir);
    cr_assert_eq(open_env(look, MDB_RDONLY, error), 0, "%s", error);
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(look->env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(check_format(look, txn, "posts", error), 0, "%s", error);
    cr_assert_not(look->logs, "it is of format 2 still");
    mdb_txn_abort(txn);
    free_store(look);
}

/* --- What is refused ---------------------------------------------------------------- */

static void expect_refused(uint64_t format, const char *why)
{
    char error[STORE_ERROR_MAX], number[32];
    struct store *store;
    struct store_check check = { .read = store_world_read };
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, 0, &txn), 0);
    cr_assert_eq(meta_put(lmdb_store_of(w.store), txn, "version", format), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    store_world_stop(&w);
    snprintf(number, sizeof number, "format %d,", (int)format);
    for (int i = 0; i < 2; i++) {
        const int rv = i == 0 ? store_open(&store, w.dir, "posts", NULL, error)
                              : store_check(w.dir, "posts", &check, error);
        cr_assert_eq(rv, -1);
        cr_assert_not_null(strstr(error, why), "%s", error);
        cr_assert_not_null(strstr(error, number), "%s", error);
        cr_assert_not_null(strstr(error, w.dir), "%s", error);
    }
}

Test(take_over, not_of_format_1)
{
    expect_refused(1, "a different version");
}

Test(take_over, not_of_a_newer_format)
{
    expect_refused(STORE_FORMAT + 1, "a newer version");
}

Test(take_over, not_of_another_kind)
{
    char error[STORE_ERROR_MAX];
    struct store *store;
    format_2(&w);
    store_world_stop(&w);
    cr_assert_eq(store_open(&store, w.dir, "users", NULL, error), -1);
    cr_assert_not_null(strstr(error, "holds posts, not users"), "%s", error);
    store_world_start(&w);
    cr_assert_str_eq(store_list(&w), SAMPLE);
}
