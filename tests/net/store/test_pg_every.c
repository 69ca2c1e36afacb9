/* The life of a store on PostgreSQL, from its opening to its end, disturbed in each of its moments:
 * an allocation of our code fails, or a connection is cut before libpq reads or writes. What cannot
 * be done says so, nothing is left behind, and the database stays sound. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/postgres.h"
#include "lib/store_world.h"

#define RECORDS 3

static struct postgres pg;
static char schema[32]; /* of its own, for the server is that of all tests */
static char *db;

struct life {
    struct loop *loop;
    struct store *store;
    struct reader *reader;
    struct store_fetch fetch;
    struct write_batch batch;
    struct write_record records[RECORDS];
    bool answered;
    size_t seen;
    struct visit visit;
    struct change_visit changes;
    char error[STORE_ERROR_MAX];
};

static void ask(const char *sql)
{
    char *all;
    cr_assert_gt(asprintf(&all, "SET search_path = %s; %s", schema, sql), 0);
    postgres_ask(&pg, all);
    free(all);
}

static void init(void)
{
    char options[64], sql[64];
    log_init("test", LOG_ERROR, LOG_TEXT);
    snprintf(schema, sizeof schema, "every_%d", (int)getpid());
    snprintf(options, sizeof options, "options=-csearch_path=%s", schema);
    snprintf(sql, sizeof sql, "CREATE SCHEMA %s", schema);
    postgres_share(&pg);
    postgres_ask(&pg, sql);
    db = postgres_by_socket(&pg, options);
}

static void fini(void)
{
    free(db);
    postgres_close(&pg);
}

TestSuite(pg_every, .init = init, .fini = fini);

/* --- What is done ------------------------------------------------------------------- */

static void on_answer(struct write_batch *batch)
{
    struct life *l = container_of(batch, struct life, batch);
    l->answered = true;
    loop_break(l->loop);
}

/* The second time it changes nothing. */
static bool import(struct life *l)
{
    static const char *const values[RECORDS] = { "a 1 x", "b 2 x", "a 3 x" };
    for (size_t i = 0; i < RECORDS; i++)
        l->records[i] = (struct write_record){ .group = bytes_of(values[i], 1),
                                               .id = bytes_of(values[i] + 2, 1),
                                               .value = bytes_of_text(values[i]),
                                               .op = WRITE_PUT };
    l->batch = (struct write_batch){
        .records = l->records, .nrecords = RECORDS, .loop = l->loop, .done = on_answer
    };
    store_write(l->store, &l->batch);
    while (!l->answered)
        loop_run(l->loop);
    snprintf(l->error, sizeof l->error, "%s", l->batch.error);
    return l->error[0] == '\0';
}

static void on_fetched(struct store_fetch *fetch)
{
    loop_break(container_of(fetch, struct life, fetch)->loop);
}

/* In a step when this returns true. */
static bool need(struct life *l, const struct store_need *need)
{
    int rv;
    l->fetch.ready = on_fetched;
    while (reader_begin(l->reader, l->error) == 0) {
        rv = reader_need(l->reader, &l->fetch, need);
        if (rv == 1)
            return true;
        if (rv < 0)
            snprintf(l->error, sizeof l->error, "%s", reader_error(l->reader));
        reader_end(l->reader);
        if (rv < 0)
            return false;
        loop_run(l->loop);
    }
    return false;
}

static bool on_record(struct visit *visit, struct position at, struct bytes value)
{
    (void)at;
    (void)value;
    container_of(visit, struct life, visit)->seen++;
    return true;
}

static bool on_change(struct change_visit *visit, const struct change *change)
{
    (void)change;
    container_of(visit, struct life, changes)->seen++;
    return true;
}

static bool list(struct life *l)
{
    struct position at = { 0 };
    const struct store_need all = { .kind = NEED_RECORDS, .last_group = UINT32_MAX };
    if (!need(l, &all))
        return false;
    l->seen = 0;
    l->visit.record = on_record;
    cr_assert_eq(reader_scan(l->reader, &at, UINT32_MAX, &l->visit), 0);
    cr_assert_eq(l->seen, RECORDS);
    reader_end(l->reader);
    return true;
}

static bool look_up(struct life *l)
{
    struct bytes value;
    const struct bytes ids[] = { bytes_of_text("2"), bytes_of_text("none") };
    const struct store_need some = { .kind = NEED_IDS, .ids = ids, .nids = 2 };
    if (!need(l, &some))
        return false;
    cr_assert_eq(reader_get(l->reader, ids[0], &value), 1);
    cr_assert_eq(reader_get(l->reader, ids[1], &value), 0);
    reader_end(l->reader);
    return true;
}

static bool follow(struct life *l)
{
    uint64_t revision = 0;
    const struct store_need news = { .kind = NEED_CHANGES };
    if (!need(l, &news))
        return false;
    l->seen = 0;
    l->changes.change = on_change;
    cr_assert_eq(reader_changes(l->reader, &revision, &l->changes), 0);
    cr_assert_eq(l->seen, RECORDS);
    reader_end(l->reader);
    return true;
}

static bool open_all(struct life *l)
{
    snprintf(l->error, sizeof l->error, "out of memory");
    return loop_new(&l->loop, LOOP_IN_UV) == 0 &&
           store_open(&l->store, db, "posts", NULL, l->error) == 0 &&
           reader_new(&l->reader, l->store, l->loop, l->error) == 0;
}

static void close_all(struct life *l)
{
    if (l->reader != NULL)
        store_fetch_drop(&l->fetch);
    reader_free(l->reader);
    store_close(l->store);
    if (l->loop != NULL)
        loop_free(l->loop);
}

/* Whether all was done. Whatever failed has said why. */
static bool live(void)
{
    struct life l = { 0 };
    const bool done = open_all(&l) && import(&l) && list(&l) && look_up(&l) && follow(&l);
    if (!done)
        cr_assert_neq(l.error[0], '\0', "it failed without a word");
    close_all(&l);
    return done;
}

static void assert_sound(void)
{
    char error[STORE_ERROR_MAX] = "";
    struct store_check c = { .read = store_world_read };
    cr_assert_eq(store_check(db, "posts", &c, error), 0, "%s", error);
    cr_assert_eq(c.problems, 0);
    cr_assert_eq(c.records, RECORDS);
    cr_assert_eq(c.changes, RECORDS);
}

/* --- Allocations -------------------------------------------------------------------- */

/* One that a connection wanted is made up for by the next connection. */
Test(pg_every, allocation_fails, .timeout = 110)
{
    unsigned at = 1, unharmed = 0;
    cr_assert(live());
    for (;; at++) {
        heap_watch();
        heap_fail_at(at);
        const bool done = live();
        const bool failed = heap_failed();
        heap_fail_at(0);
        cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks are left", at, heap_live());
        if (!failed) {
            cr_assert(done, "undisturbed");
            break;
        }
        unharmed += done;
    }
    cr_log_info("%u allocations, of which %u were made up for", at - 1, unharmed);
    cr_assert_gt(at, 30);
    cr_assert_lt(unharmed, at - 1, "nothing that failed was noticed");
    assert_sound();
    assert_no_leaks();
}

/* --- Cuts --------------------------------------------------------------------------- */

static atomic_uint g_cut_at, g_moments; /* 0: never; those that were */

static void moment(int fd)
{
    if (atomic_load(&g_cut_at) != 0 && atomic_fetch_add(&g_moments, 1) + 1 == g_cut_at)
        shutdown(fd, SHUT_RDWR);
}

/* What libpq reads and writes by; libuv does not. */
ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    moment(fd);
    return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    moment(fd);
    return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

static bool live_and_cut(unsigned at)
{
    atomic_store(&g_moments, 0);
    atomic_store(&g_cut_at, at);
    const bool done = live();
    const bool was_cut = atomic_load(&g_moments) >= at;
    atomic_store(&g_cut_at, 0);
    if (!was_cut)
        cr_assert(done, "undisturbed");
    return was_cut;
}

/* An import that was cut may be done or not; the same again makes it complete, once. */
Test(pg_every, connection_is_cut, .timeout = 110)
{
    unsigned at = 1;
    bool was_cut = true;
    cr_assert(live());
    for (; was_cut; at++) {
        ask("TRUNCATE groups, records, changes; UPDATE store SET revision = 0, next_sequence = 1, "
            "next_ordinal = 0, records = 0");
        was_cut = live_and_cut(at);
        cr_assert(live(), "after a cut at moment %u", at);
        assert_sound();
    }
    cr_log_info("%u moments", at - 2);
    cr_assert_gt(at, 30);
    assert_no_leaks();
}
