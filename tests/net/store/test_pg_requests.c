/* Requests on a connection to a real PostgreSQL: their order, their errors, their end. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "lib/leaks.h"
#include "lib/pg_world.h"

static struct pg_world g_world;
static struct question g_q[400];

static void init_with(const char *settings)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    pg_world_open(&g_world, settings);
}

static void init(void)
{
    init_with(NULL);
}

static void fini(void)
{
    pg_world_close(&g_world);
    assert_no_leaks();
}

TestSuite(pg_requests, .init = init, .fini = fini);

static void submit(struct question *q)
{
    pg_pool_submit(g_world.pool, &q->request);
}

/* --- Order -------------------------------------------------------------------------- */

Test(pg_requests, are_answered_in_their_order)
{
    static char sqls[400][32];
    pg_world_connect(&g_world);
    for (int i = 0; i < 400; i++) {
        snprintf(sqls[i], sizeof sqls[i], "SELECT '%d'", i);
        question_ask(&g_q[i], &g_world, sqls[i]);
    }
    LOOP_UNTIL(g_world.loop, g_questions_ended == 400);
    for (unsigned i = 0; i < 400; i++) {
        cr_assert_eq(atoi(g_q[i].texts[0]), i);
        cr_assert_eq(g_q[i].place, i + 1);
        cr_assert_str_eq(g_q[i].error.line, "");
    }
}

Test(pg_requests, go_out_many_at_once)
{
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT pg_sleep(0.05)");
    for (int i = 1; i < 10; i++)
        question_ask(&g_q[i], &g_world, "SELECT now() - query_start FROM pg_stat_activity");
    cr_assert_eq(pg_pool_in_flight(g_world.pool), 10);
    cr_assert_eq(pg_pool_waiting(g_world.pool), 0);
    LOOP_UNTIL(g_world.loop, g_questions_ended == 10);
}

/* --- Parameters --------------------------------------------------------------------- */

Test(pg_requests, have_parameters)
{
    static const struct pg_statement statements[] = {
        { "pick", "SELECT $1::bytea || $2::text::bytea || coalesce($3::bytea, '!') || $4::bytea" },
        { "add", "SELECT ($1::int8 + 1)::text" },
    };
    static const uint8_t number[8] = { 0, 0, 0, 1, 0, 0, 0, 0 };
    const struct pg_param picked[] = { { .value = bytes_of("\0x", 2), .binary = true },
                                       { .value = bytes_of_text("text") },
                                       { .null = true },
                                       { .value = { NULL, 0 }, .binary = true } };
    const struct pg_param added = { .value = bytes_of(number, sizeof number), .binary = true };
    g_world.options.each.statements = statements;
    g_world.options.each.nstatements = 2;
    pg_world_connect(&g_world);
    question_of(&g_q[0], "", "", NULL);
    g_q[0].steps[0] = (struct pg_step){ &statements[0], picked, 4 };
    g_q[0].steps[1] = (struct pg_step){ &statements[1], &added, 1 };
    submit(&g_q[0]);
    question_works(&g_q[0], &g_world);
    cr_assert_eq(g_q[0].bytes, strlen("0xtext!") + strlen("4294967297"));
    cr_assert_str_eq(g_q[0].texts[1], "4294967297");
}

/* --- Errors ------------------------------------------------------------------------- */

Test(pg_requests, fail_alone)
{
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT 'before'");
    question_ask(&g_q[1], &g_world, "SELECT * FROM missing_table");
    question_ask(&g_q[2], &g_world, "SELECT 'behind'");
    question_ask(&g_q[3], &g_world, "SELECT 1 / 0");
    question_ask(&g_q[4], &g_world, "SELECT 'last'");
    LOOP_UNTIL(g_world.loop, g_questions_ended == 5);
    question_works(&g_q[0], &g_world);
    question_fails(&g_q[1], &g_world, PG_MISSING);
    cr_assert_str_eq(g_q[1].error.line, "cannot read the database postgres: "
                                        "relation \"missing_table\" does not exist");
    question_works(&g_q[2], &g_world);
    question_fails(&g_q[3], &g_world, PG_OTHER);
    question_works(&g_q[4], &g_world);
    cr_assert_str_eq(g_q[4].texts[0], "last");
    cr_assert_eq(g_world.changes, 1, "it was connected anew");
}

/* Behind the statement that fails none is done, and what was done is not. */
Test(pg_requests, fail_as_a_whole)
{
    pg_world_connect(&g_world);
    postgres_ask(&g_world.pg, "CREATE TABLE whole (n int)");
    question_of(&g_q[0], "INSERT INTO whole VALUES (1)", "SELECT 1 / 0",
                "INSERT INTO whole VALUES (2)", NULL);
    submit(&g_q[0]);
    question_fails(&g_q[0], &g_world, PG_OTHER);
    cr_assert_str_eq(g_q[0].texts[0], "INSERT 0 1");
    cr_assert_str_eq(g_q[0].texts[2], "");
    cr_assert_str_eq(postgres_ask(&g_world.pg, "SELECT count(*) FROM whole"), "0");
    postgres_ask(&g_world.pg, "DROP TABLE whole");
}

/* --- Transactions ------------------------------------------------------------------- */

static void transaction(struct question *q)
{
    q->request.begin = "BEGIN";
    q->request.commits = true;
    submit(q);
}

Test(pg_requests, are_transactions)
{
    pg_world_connect(&g_world);
    postgres_ask(&g_world.pg, "CREATE TABLE done (n int)");
    question_of(&g_q[0], "INSERT INTO done VALUES (1)", "SELECT count(*)::text FROM done", NULL);
    transaction(&g_q[0]);
    question_ask(&g_q[1], &g_world, "SELECT count(*)::text FROM done");
    question_works(&g_q[1], &g_world);
    question_works(&g_q[0], &g_world);
    cr_assert_str_eq(g_q[0].texts[0], "INSERT 0 1");
    cr_assert_str_eq(g_q[0].texts[1], "1");
    cr_assert_str_eq(g_q[1].texts[0], "1");
    cr_assert_eq(g_q[0].place, 1);
    postgres_ask(&g_world.pg, "DROP TABLE done");
}

static void the_next_waits(struct question *q)
{
    cr_assert_eq(q[1].request.place, PG_WAITS);
}

/* Else a timer of what is before it would break it off; and before nothing. */
Test(pg_requests, commit_alone)
{
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT 1");
    question_of(&g_q[1], "SELECT 2", NULL);
    g_q[0].then = g_q[1].then = the_next_waits;
    g_q[1].request.commits = true;
    submit(&g_q[1]);
    question_ask(&g_q[2], &g_world, "SELECT 3");
    cr_assert_eq(pg_pool_in_flight(g_world.pool), 1);
    cr_assert_eq(pg_pool_waiting(g_world.pool), 2);
    LOOP_UNTIL(g_world.loop, g_questions_ended == 3);
    cr_assert_eq(g_q[2].place, 3);
}

/* It is rolled back before what comes behind it, which does not fail with it. */
Test(pg_requests, are_rolled_back)
{
    pg_world_connect(&g_world);
    postgres_ask(&g_world.pg,
                 "CREATE TABLE back (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)");
    question_of(&g_q[0], "INSERT INTO back VALUES (1)", "SELECT * FROM missing_table", NULL);
    transaction(&g_q[0]);
    question_of(&g_q[1], "INSERT INTO back VALUES (2)", NULL);
    transaction(&g_q[1]);
    question_of(&g_q[2], "INSERT INTO back VALUES (2)", NULL); /* fails at its COMMIT */
    transaction(&g_q[2]);
    question_ask(&g_q[3], &g_world, "SELECT sum(n)::text FROM back");
    LOOP_UNTIL(g_world.loop, g_questions_ended == 4);
    question_fails(&g_q[0], &g_world, PG_MISSING);
    cr_assert_str_eq(g_q[0].error.line, "cannot write to the database postgres: "
                                        "relation \"missing_table\" does not exist");
    cr_assert_not(g_q[0].error.unknown);
    question_works(&g_q[1], &g_world);
    question_fails(&g_q[2], &g_world, PG_OTHER);
    cr_assert_str_eq(g_q[2].error.sqlstate, "23505");
    cr_assert_str_eq(g_q[3].texts[0], "2");
    cr_assert_eq(g_world.changes, 1, "it was connected anew");
    postgres_ask(&g_world.pg, "DROP TABLE back");
}

Test(pg_requests, have_a_conflict)
{
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world,
                 "DO $$ BEGIN RAISE SQLSTATE '40001' USING MESSAGE = 'a conflict'; END $$");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[0].error.line, "cannot read the database postgres: a conflict");
    question_ask(&g_q[1], &g_world,
                 "DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'disk full'; END $$");
    question_fails(&g_q[1], &g_world, PG_FULL);
    cr_assert_eq(g_world.changes, 1);
}

/* A write to a standby: another connection may find the primary. */
Test(pg_requests, look_for_another_server)
{
    pg_world_connect(&g_world);
    question_of(&g_q[0], "CREATE TABLE refused ()", NULL);
    g_q[0].request.begin = "BEGIN READ ONLY";
    g_q[0].request.commits = true;
    submit(&g_q[0]);
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_not(g_q[0].error.unknown);
    cr_assert_str_eq(g_q[0].error.sqlstate, "25006");
    cr_assert_eq(pg_pool_health(g_world.pool), PG_DOWN);
    question_ask(&g_q[1], &g_world, "SELECT 1");
    question_works(&g_q[1], &g_world);
}

/* --- Time --------------------------------------------------------------------------- */

/* With those that wait behind it; the connection is of no use. */
Test(pg_requests, have_their_time)
{
    g_world.options.each.statement_timeout_ms = 100;
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT pg_sleep(60)");
    question_ask(&g_q[1], &g_world, "SELECT 1");
    LOOP_UNTIL(g_world.loop, g_questions_ended == 2);
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[0].error.line, "no answer of the database postgres for 100 ms");
    question_fails(&g_q[1], &g_world, PG_AGAIN);
    question_ask(&g_q[2], &g_world, "SELECT 1");
    question_works(&g_q[2], &g_world);
}

/* Each has it from when it was sent: together they take longer. */
Test(pg_requests, have_each_their_time)
{
    g_world.options.each.statement_timeout_ms = 1000;
    pg_world_connect(&g_world);
    for (int round = 0; round < 3; round++) {
        question_ask(&g_q[0], &g_world, "SELECT pg_sleep(0.4)");
        question_works(&g_q[0], &g_world);
    }
    cr_assert_eq(g_world.changes, 1);
}

static void init_sync(void)
{
    init_with("synchronous_standby_names = 'nobody'");
}

TestSuite(pg_commit, .init = init_sync, .fini = fini);

static int commits_that_wait(void)
{
    return atoi(postgres_ask(&g_world.pg, "SELECT count(*) FROM pg_stat_activity "
                                          "WHERE wait_event = 'SyncRep'"));
}

/* Neither our timer nor who asked for it break it off. */
Test(pg_commit, that_waits_for_a_standby_is_not_cancelled)
{
    g_world.options.each.statement_timeout_ms = 50;
    g_world.options.connections = 2;
    postgres_ask(&g_world.pg, "SET synchronous_commit = local; CREATE TABLE kept (n int)");
    pg_world_connect(&g_world);
    LOOP_UNTIL(g_world.loop, pg_pool_ready(g_world.pool) == 2);
    for (int i = 0; i < 2; i++) {
        question_of(&g_q[i], "INSERT INTO kept VALUES (1)", NULL);
        g_q[i].request.begin = i == 0 ? "BEGIN" : NULL;
        g_q[i].request.commits = true;
        submit(&g_q[i]);
    }
    LOOP_UNTIL(g_world.loop, commits_that_wait() == 2);
    pg_request_cancel(&g_q[1].request);
    const uint64_t since_ms = loop_now_ms(g_world.loop);
    LOOP_UNTIL(g_world.loop, loop_now_ms(g_world.loop) > since_ms + 200);
    cr_assert_eq(commits_that_wait(), 2);
    cr_assert_eq(g_questions_ended, 0);
    cr_assert_str_eq(postgres_ask(&g_world.pg, "SELECT count(*) FROM kept"), "0");
    postgres_ask(&g_world.pg, "ALTER SYSTEM SET synchronous_standby_names = ''");
    postgres_ask(&g_world.pg, "SELECT pg_reload_conf()");
    question_works(&g_q[0], &g_world);
    LOOP_UNTIL(g_world.loop, pg_pool_in_flight(g_world.pool) == 0);
    cr_assert_str_eq(postgres_ask(&g_world.pg, "SELECT count(*) FROM kept"), "2");
    cr_assert_eq(g_q[1].ends, 0);
    cr_assert_eq(g_world.changes, 1, "it was connected anew");
}

/* It may have been done, and it was; that of the reader was not. */
Test(pg_commit, whose_connection_is_lost_is_unknown)
{
    g_world.options.connections = 2;
    postgres_ask(&g_world.pg, "SET synchronous_commit = local; CREATE TABLE kept (n int)");
    pg_world_connect(&g_world);
    LOOP_UNTIL(g_world.loop, pg_pool_ready(g_world.pool) == 2);
    question_of(&g_q[0], "INSERT INTO kept VALUES (1)", NULL);
    transaction(&g_q[0]);
    question_ask(&g_q[1], &g_world, "SELECT pg_sleep(60)");
    LOOP_UNTIL(g_world.loop, commits_that_wait() == 1);
    postgres_ask(&g_world.pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                              "WHERE backend_type = 'client backend' "
                              "AND pid <> pg_backend_pid()");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    question_fails(&g_q[1], &g_world, PG_AGAIN);
    cr_assert(g_q[0].error.unknown);
    cr_assert_not(g_q[1].error.unknown);
    cr_assert_str_eq(postgres_ask(&g_world.pg, "SELECT count(*) FROM kept"), "1");
}

/* --- Nobody waits any more ---------------------------------------------------------- */

Test(pg_requests, are_cancelled)
{
    pg_world_connect(&g_world);
    for (int i = 0; i < 3; i++)
        question_ask(&g_q[i], &g_world, "SELECT pg_sleep(0.02)");
    for (int i = 0; i < 2; i++) {
        pg_request_cancel(&g_q[i].request);
        memset(&g_q[i], 0xa5, sizeof g_q[i]); /* nobody may look at it */
    }
    question_works(&g_q[2], &g_world);
    cr_assert_eq(g_questions_ended, 1);
    pg_request_cancel(&g_q[2].request); /* it is over */
}

static void cancel_the_next(struct question *q)
{
    pg_request_cancel(&q[1].request);
    pg_request_cancel(&q[2].request);
}

static void submit_another(struct question *q)
{
    question_ask(q + 3, &g_world, "SELECT 'another'");
}

Test(pg_requests, are_cancelled_and_made_by_one_that_ends)
{
    pg_world_connect(&g_world);
    for (int i = 0; i < 3; i++)
        question_of(&g_q[i], "SELECT 1", NULL);
    g_q[0].then = cancel_the_next;
    for (int i = 0; i < 3; i++)
        submit(&g_q[i]);
    question_of(&g_q[3], "SELECT 1", NULL);
    g_q[3].then = submit_another;
    submit(&g_q[3]);
    LOOP_UNTIL(g_world.loop, g_q[6].ends == 1);
    cr_assert_eq(g_questions_ended, 3);
    cr_assert_str_eq(g_q[6].texts[0], "another");
}

/* --- LISTEN ------------------------------------------------------------------------- */

Test(pg_requests, and_what_others_notify)
{
    g_world.options.each.channel = "A \"channel\"";
    pg_world_connect(&g_world);
    cr_assert(pg_pool_listens(g_world.pool));
    postgres_ask(&g_world.pg, "NOTIFY \"A \"\"channel\"\"\", '17'");
    LOOP_UNTIL(g_world.loop, g_world.notes == 1);
    cr_assert_str_eq(g_world.note, "17");
    postgres_ask(&g_world.pg, "NOTIFY \"a \"\"channel\"\"\", '18'");
    question_of(&g_q[0], "SELECT pg_notify('A \"channel\"', '19')", NULL);
    transaction(&g_q[0]);
    LOOP_UNTIL(g_world.loop, g_world.notes == 2);
    cr_assert_str_eq(g_world.note, "19");
}

/* On a connection made anew it listens again. */
Test(pg_requests, and_what_others_notify_later)
{
    g_world.options.each.channel = "later";
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT pg_terminate_backend(pg_backend_pid())");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    LOOP_UNTIL(g_world.loop, pg_pool_health(g_world.pool) == PG_UP);
    postgres_ask(&g_world.pg, "NOTIFY later, '20'");
    LOOP_UNTIL(g_world.loop, g_world.notes == 1);
    cr_assert_str_eq(g_world.note, "20");
}

/* A standby cannot; here it is a name that cannot be. The rest works. */
Test(pg_requests, work_where_nobody_can_listen)
{
    g_world.options.each.channel = "";
    pg_world_connect(&g_world);
    cr_assert_not(pg_pool_listens(g_world.pool));
    question_ask(&g_q[0], &g_world, "SELECT 1");
    question_works(&g_q[0], &g_world);
}

/* --- Nothing waits ------------------------------------------------------------------ */

static __thread bool g_watching;
static unsigned g_waits;

/* libpq waits by poll(), libuv does not. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    const struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    if (g_watching && timeout_ms != 0)
        g_waits++;
    return (int)syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &t, NULL, 0);
}

/* The loop never sleeps, and the longest of its rounds is kept: by the clock, and what it
 * worked, for others have the processor too. */
struct gauge {
    struct task task;
    uint64_t last_ns, longest_ns, worked_ns, longest_work_ns;
};

static struct gauge g_gauge;

static uint64_t worked_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void keep_longest(uint64_t *longest_ns, uint64_t *last_ns, uint64_t now_ns)
{
    if (*last_ns != 0 && now_ns - *last_ns > *longest_ns)
        *longest_ns = now_ns - *last_ns;
    *last_ns = now_ns;
}

static void on_round(struct task *task)
{
    keep_longest(&g_gauge.longest_ns, &g_gauge.last_ns, clock_ns());
    keep_longest(&g_gauge.longest_work_ns, &g_gauge.worked_ns, worked_ns());
    task_defer(g_world.loop, task);
}

static void gauge_rounds(void)
{
    g_gauge.task.run = on_round;
    task_defer(g_world.loop, &g_gauge.task);
    g_watching = true;
}

#define MIB ((size_t)1 << 20)

static void assert_no_gap(const char *what)
{
    g_watching = false;
    task_cancel(&g_gauge.task);
    cr_log_info("%s: the longest round took %.1f ms, of which it worked at most %.1f", what,
                (double)g_gauge.longest_ns / 1e6, (double)g_gauge.longest_work_ns / 1e6);
    cr_assert_eq(g_waits, 0, "libpq waited");
    cr_assert_lt(g_gauge.longest_work_ns, 100000000);
}

Test(pg_requests, do_not_hold_the_loop_up_with_large_answers)
{
    size_t bytes = 0;
    pg_world_connect(&g_world);
    gauge_rounds();
    for (int i = 0; i < 128; i++)
        question_ask(&g_q[i], &g_world, "SELECT repeat('x', 1024) FROM generate_series(1, 512)");
    LOOP_UNTIL(g_world.loop, g_questions_ended == 128);
    for (int i = 0; i < 128; i++)
        bytes += g_q[i].bytes;
    cr_assert_eq(bytes, 64 * MIB);
    assert_no_gap("64 MiB in blocks");
}

Test(pg_requests, do_not_hold_the_loop_up_with_slow_answers)
{
    pg_world_connect(&g_world);
    gauge_rounds();
    question_ask(&g_q[0], &g_world,
                 "SELECT repeat('x', 1 << 20), pg_sleep(0.01) FROM generate_series(1, 64)");
    question_works(&g_q[0], &g_world);
    cr_assert_eq(g_q[0].bytes, 64 * MIB);
    assert_no_gap("64 MiB, slowly");
}

/* More than a socket takes. */
static void ask_with_much(struct question *q, const char *sql)
{
    static char text[4 * MIB + 1];
    static struct pg_param param;
    memset(text, 'x', sizeof text - 1);
    param = (struct pg_param){ .value = bytes_of(text, sizeof text - 1) };
    question_of(q, sql, NULL);
    q->steps[0].params = &param;
    q->steps[0].nparams = 1;
    submit(q);
}

/* To a server that answers meanwhile. */
Test(pg_requests, do_not_hold_the_loop_up_when_they_are_large)
{
    pg_world_connect(&g_world);
    gauge_rounds();
    for (int i = 0; i < 16; i++)
        ask_with_much(&g_q[i], "SELECT $1::text");
    LOOP_UNTIL(g_world.loop, g_questions_ended == 16);
    for (int i = 0; i < 16; i++)
        cr_assert_eq(g_q[i].bytes, 4 * MIB);
    assert_no_gap("64 MiB there and back");
}

/* The next one is not given to libpq before the socket has all of the first, and then it
 * does not wait for an answer. */
Test(pg_requests, wait_for_the_socket)
{
    pg_world_connect(&g_world);
    ask_with_much(&g_q[0], "SELECT length($1)::text, pg_sleep(0.3)");
    question_ask(&g_q[1], &g_world, "SELECT 1");
    cr_assert_eq(pg_pool_in_flight(g_world.pool), 1);
    cr_assert_eq(pg_pool_waiting(g_world.pool), 1);
    LOOP_UNTIL(g_world.loop, pg_pool_in_flight(g_world.pool) == 2);
    cr_assert_eq(g_q[0].ends, 0);
    question_works(&g_q[1], &g_world);
    cr_assert_str_eq(g_q[0].texts[0], "4194304");
}

Test(pg_requests, do_not_hold_the_loop_up_while_it_connects)
{
    g_watching = true;
    setenv("PGPASSWORD", POSTGRES_PASSWORD, 1);
    pg_world_pool(&g_world, postgres_by_port(&g_world.pg, ""));
    LOOP_UNTIL(g_world.loop, g_world.changes > 0);
    cr_assert_eq(pg_pool_health(g_world.pool), PG_UP);
    cr_assert_eq(g_waits, 0, "libpq waited");
}
