/* Whether the next leaf is known in time: nothing else shows it but the clock. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/tmpdir.h"
#include "store/lmdb/ahead.h"
#include "store/lmdb/entries.h"
#include "weir/loop.h"

enum { N = 20000, GROUPS = 500, BATCH = 1000 };

static char *dir;
static struct loop *loop;
static struct store *store;

static void on_done(struct write_batch *batch)
{
    cr_assert_str_empty(batch->error);
    loop_stop(batch->loop);
}

/* Records of all groups in turn, so that neighbours are written far apart. */
static void import(int from)
{
    static char ids[BATCH][16], groups[BATCH][16];
    static struct write_record records[BATCH];
    static uint8_t value[200];
    for (int i = 0; i < BATCH; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", from + i);
        snprintf(groups[i], sizeof groups[i], "g%d", (from + i) * 7 % GROUPS);
        records[i] = (struct write_record){ .group = bytes_of_text(groups[i]),
                                            .id = bytes_of_text(ids[i]),
                                            .value = bytes_of(value, sizeof value) };
    }
    struct write_batch batch = {
        .records = records, .nrecords = BATCH, .loop = loop, .done = on_done
    };
    store_write(store, &batch);
    loop_run(loop);
}

static void init(void)
{
    char error[STORE_ERROR_MAX];
    dir = tmpdir_make();
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(store_open(&store, dir, "posts", NULL, error), 0, "%s", error);
    for (int i = 0; i < N; i += BATCH)
        import(i);
}

static void fini(void)
{
    store_close(store);
    loop_free(loop);
    tmpdir_remove(dir);
}

TestSuite(ahead, .init = init, .fini = fini);

struct seen {
    int leaves; /* that the walk came to, after the first */
    int known;  /* of them: fetched before, */
    int whole;  /* to the last line */
};

static uintptr_t fetched(const struct ahead *a)
{
    return a->end == NULL ? 0 : (uintptr_t)a->end - a->page_bytes;
}

/* Walks through all records, as a scan does. */
static struct seen walk(struct ahead *a)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    struct seen seen = { 0 };
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, MDB_RDONLY, &txn), 0);
    cr_assert_eq(mdb_cursor_open(txn, lmdb_store_of(store)->records, &cursor), 0);
    cr_assert_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    ahead_begin(a, txn, key);
    do {
        const uintptr_t leaf = a->leaf, next = fetched(a);
        const bool whole = a->line == a->end;
        ahead_visit(a, txn, key);
        if (a->leaf == leaf)
            continue;
        seen.leaves++;
        seen.known += a->leaf == next;
        seen.whole += a->leaf == next && whole;
    } while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return seen;
}

/* Not the first ones, where it does not look yet; nor those with another parent. */
static void assert_most(struct seen seen)
{
    cr_assert_gt(seen.leaves, N * 200 / 4096);
    cr_assert_geq(seen.known, seen.leaves * 95 / 100, "%d of %d", seen.known, seen.leaves);
    cr_assert_geq(seen.whole, seen.leaves * 95 / 100, "%d of %d", seen.whole, seen.leaves);
}

Test(ahead, fetches_the_next_leaf_before_the_scan_is_there)
{
    struct ahead a;
    ahead_init(&a, lmdb_store_of(store));
    assert_most(walk(&a));
}

Test(ahead, follows_a_store_that_changes)
{
    struct ahead a;
    ahead_init(&a, lmdb_store_of(store));
    walk(&a);
    import(N);
    assert_most(walk(&a));
}

Test(ahead, of_a_damaged_page_reads_nothing_outside)
{
    enum { PAGE = 4096, PAGES = 2 };
    uint8_t *map = aligned_alloc(PAGE, PAGES * PAGE);
    srand(1);
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < PAGES * PAGE; k++)
            map[k] = (uint8_t)(i % 2 ? rand() : rand() % 3);
        map[10] |= 1; /* a branch page */
        struct ahead a = { .store = lmdb_store_of(store),
                           .page_bytes = PAGE,
                           .map = map,
                           .pages = PAGES,
                           .depth = 2 };
        for (size_t at = 0; at < PAGES * PAGE - RECORD_KEY_BYTES; at += PAGE / 4)
            ahead_visit(&a, NULL, val_of(map + at, RECORD_KEY_BYTES));
    }
    free(map);
}
