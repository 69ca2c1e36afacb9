/* Who is told that something was committed. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/store_world.h"
#include "store/lmdb/lmdb_internal.h"

static struct store_world w;
static atomic_uint told;
static atomic_uint_fast64_t seen; /* the last revision, when it was told */

/* On the writer's thread, as one that reads at once. */
static void on_committed(void *arg)
{
    struct store_stats stats = { 0 };
    store_stats(w.store, &stats);
    atomic_store(&seen, stats.revision);
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void init(void)
{
    w.options = (struct store_options){ .committed = on_committed, .arg = &told };
    store_world_open(&w);
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(committed, .init = init, .fini = fini);

/* It is told before the batch is answered. */
static void expect(unsigned times, uint64_t revision)
{
    cr_assert_eq(atomic_load(&told), times);
    cr_assert_eq(atomic_load(&seen), revision, "what was committed can be read");
}

Test(committed, comes_once_for_a_commit_that_changed_something)
{
    expect(0, 0);
    store_put(&w, "g", "1", "one");
    store_put(&w, "g", "2", "two");
    store_commit(&w);
    expect(1, 2);
    store_put_now(&w, "g", "1", "ONE");
    expect(2, 3);
    store_delete_now(&w, "2");
    expect(3, 4);
}

Test(committed, does_not_come_when_nothing_changed)
{
    store_put_now(&w, "g", "1", "one");
    expect(1, 1);
    store_put_now(&w, "g", "1", "one");
    store_put_now(&w, "h", "1", "foreign");
    store_delete_now(&w, "2");
    expect(1, 1);
}

Test(committed, does_not_come_for_what_failed)
{
    char too_long[STORE_ID_MAX + 2] = "";
    memset(too_long, 'x', STORE_ID_MAX + 1);
    store_put(&w, "g", "1", "one");
    store_put(&w, "g", too_long, "");
    store_commit_refused(&w);
    expect(0, 0);
    cr_assert_null(store_get(&w, "1"));
}

Test(committed, comes_once_for_batches_that_share_a_commit)
{
    enum { BATCHES = 20 };
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.store)->env, NULL, 0, &txn), 0);
    for (int i = 0; i < BATCHES; i++) {
        store_put(&w, "g", (char[]){ (char)('a' + i), '\0' }, "");
        store_send(&w);
    }
    mdb_txn_abort(txn);
    store_await(&w);
    /* The writer may have taken the first one before the others came. */
    cr_assert_leq(atomic_load(&told), 2);
    cr_assert_eq(atomic_load(&seen), BATCHES);
}
