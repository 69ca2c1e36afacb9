/* A pool of connections to a real PostgreSQL that goes away, comes back, stands still. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/pg_world.h"

static struct pg_world g_world;
static struct question g_q[100];

static void init_with(const char *settings)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    heap_watch();
    pg_world_open(&g_world, settings);
}

static void fini(void)
{
    pg_world_close(&g_world);
    cr_assert_eq(heap_live(), 0);
    assert_no_leaks();
}

static void init(void)
{
    init_with(NULL);
}

TestSuite(pg_pool, .init = init, .fini = fini);

static void init_own(void)
{
    init_with("");
}

TestSuite(pg_pool_of_a_server, .init = init_own, .fini = fini);

static enum pg_health health(void)
{
    return pg_pool_health(g_world.pool);
}

static void connect_two(void)
{
    g_world.options.connections = 2;
    pg_world_connect(&g_world);
    LOOP_UNTIL(g_world.loop, pg_pool_ready(g_world.pool) == 2);
}

/* --- Its connections ---------------------------------------------------------------- */

/* The one that has the fewest in flight: so a slow one does not keep the others. */
Test(pg_pool, deals_requests_out)
{
    connect_two();
    question_ask(&g_q[0], &g_world, "SELECT pg_sleep(0.2)");
    for (int i = 1; i < 5; i++) {
        question_ask(&g_q[i], &g_world, "SELECT 1");
        question_works(&g_q[i], &g_world);
        cr_assert_eq(g_q[0].ends, 0);
    }
    question_works(&g_q[0], &g_world);
}

/* A transaction has a connection for itself, and reads go by the other one. */
Test(pg_pool, gives_a_transaction_one_for_itself)
{
    connect_two();
    question_of(&g_q[0], "SELECT pg_sleep(0.1)", NULL);
    g_q[0].request.begin = "BEGIN";
    pg_pool_submit(g_world.pool, &g_q[0].request);
    for (int i = 1; i < 5; i++)
        question_ask(&g_q[i], &g_world, "SELECT 1");
    for (int i = 1; i < 5; i++)
        question_works(&g_q[i], &g_world);
    cr_assert_eq(g_q[0].ends, 0);
    question_works(&g_q[0], &g_world);
}

/* --- The line ----------------------------------------------------------------------- */

Test(pg_pool, has_a_line_that_is_bounded_in_time)
{
    g_world.options.wait_timeout_ms = 50;
    pg_world_connect(&g_world);
    question_of(&g_q[0], "SELECT pg_sleep(0.3)", NULL);
    g_q[0].request.commits = true;
    pg_pool_submit(g_world.pool, &g_q[0].request);
    question_ask(&g_q[1], &g_world, "SELECT 1");
    question_ask(&g_q[2], &g_world, "SELECT 1");
    pg_request_cancel(&g_q[1].request);
    question_fails(&g_q[2], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[2].error.line,
                     "no connection to the database postgres was free for 50 ms");
    cr_assert_eq(g_q[0].ends, 0);
    cr_assert_eq(g_q[1].ends, 0);
    question_works(&g_q[0], &g_world);
}

/* The connection is not broken off for it, and what comes behind is answered. */
Test(pg_pool, bounds_the_time_of_what_is_under_way)
{
    g_world.options.wait_timeout_ms = 50;
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT pg_sleep(0.3)");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[0].error.line, "no answer of the database postgres for 50 ms");
    question_of(&g_q[1], "SELECT 1", NULL);
    pg_pool_submit_until(g_world.pool, &g_q[1].request, loop_now_ms(g_world.loop) + 5000);
    question_works(&g_q[1], &g_world);
    cr_assert_eq(g_world.changes, 1);
    cr_assert_eq(g_q[0].ends, 1);
}

Test(pg_pool, has_a_line_that_is_bounded_in_length)
{
    g_world.options.max_waiting = 2;
    pg_world_connect(&g_world);
    question_of(&g_q[0], "SELECT 1", NULL);
    g_q[0].request.begin = "BEGIN";
    pg_pool_submit(g_world.pool, &g_q[0].request);
    for (int i = 1; i < 5; i++)
        question_ask(&g_q[i], &g_world, "SELECT 1");
    cr_assert_eq(pg_pool_waiting(g_world.pool), 2);
    cr_assert_eq(g_questions_ended, 0, "before submit returned");
    pg_request_cancel(&g_q[4].request);
    question_fails(&g_q[3], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[3].error.line, "too many wait for a connection to the database postgres");
    for (int i = 0; i < 3; i++)
        question_works(&g_q[i], &g_world);
    cr_assert_eq(g_q[4].ends, 0);
}

/* Who waits hears why. */
Test(pg_pool, tells_why_there_is_no_connection)
{
    g_world.options.wait_timeout_ms = 500;
    pg_world_pool(&g_world, postgres_by_socket(&g_world.pg, "dbname=nowhere"));
    question_ask(&g_q[0], &g_world, "SELECT 1");
    question_fails(&g_q[0], &g_world, PG_MISSING);
    cr_assert_not_null(strstr(g_q[0].error.line, "database \"nowhere\" does not exist"));
}

/* --- What happens to the server ----------------------------------------------------- */

/* They are gone when it returns, and the loop has not seen it yet. */
static void end_backends(void)
{
    postgres_ask(&g_world.pg, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
                              "backend_type = 'client backend' AND pid <> pg_backend_pid()");
}

static bool somebody_sleeps(void)
{
    return atoi(postgres_ask(&g_world.pg, "SELECT count(*) FROM pg_stat_activity "
                                          "WHERE wait_event = 'PgSleep'")) > 0;
}

Test(pg_pool_of_a_server, connects_anew_when_a_backend_is_killed)
{
    pg_world_connect(&g_world);
    question_ask(&g_q[0], &g_world, "SELECT 1");
    question_ask(&g_q[1], &g_world, "SELECT pg_sleep(60)");
    question_works(&g_q[0], &g_world);
    LOOP_UNTIL(g_world.loop, somebody_sleeps());
    question_ask(&g_q[2], &g_world, "SELECT 2"); /* nobody reads it: so the socket has an error */
    end_backends();
    question_fails(&g_q[1], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[1].error.sqlstate, "57P01");
    cr_assert_not_null(strstr(g_q[1].error.line, "terminating connection"));
    question_fails(&g_q[2], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[2].error.sqlstate, "57P01");
    question_ask(&g_q[3], &g_world, "SELECT 3");
    question_works(&g_q[3], &g_world);
    end_backends(); /* nothing is in flight: it is noticed all the same */
    LOOP_UNTIL(g_world.loop, health() == PG_DOWN);
    LOOP_UNTIL(g_world.loop, health() == PG_UP);
}

static void ask_repeatedly(struct question *q, const char *sql)
{
    question_of(q, sql, NULL);
    question_repeats(q);
    pg_pool_submit(g_world.pool, &q->request);
}

/* In the order in which they came, of the next connection. */
Test(pg_pool_of_a_server, asks_again_what_was_lost)
{
    pg_world_connect(&g_world);
    ask_repeatedly(&g_q[0], "SELECT pg_sleep(0.5)");
    for (int i = 1; i < 5; i++)
        ask_repeatedly(&g_q[i], "SELECT 1");
    LOOP_UNTIL(g_world.loop, somebody_sleeps());
    end_backends();
    for (int i = 0; i < 5; i++) {
        question_works(&g_q[i], &g_world);
        cr_assert_eq(g_q[i].agains, 1);
        cr_assert(i == 0 || g_q[i].place > g_q[i - 1].place);
    }
}

/* Whether it was done is not known. */
Test(pg_pool_of_a_server, sends_no_lost_commit_again)
{
    pg_world_connect(&g_world);
    question_of(&g_q[0], "SELECT pg_sleep(60)", NULL);
    question_repeats(&g_q[0]);
    g_q[0].request.begin = "BEGIN";
    g_q[0].request.commits = true;
    pg_pool_submit(g_world.pool, &g_q[0].request);
    LOOP_UNTIL(g_world.loop, somebody_sleeps());
    end_backends();
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert(g_q[0].error.unknown);
    cr_assert_eq(g_q[0].agains, 0);
}

/* The server says that it is for another one to do, which is not there: until the time is up. */
Test(pg_pool, asks_again_while_there_is_time)
{
    g_world.options.wait_timeout_ms = 400;
    pg_world_pool(&g_world,
                  postgres_by_socket(&g_world.pg, "options=-cdefault_transaction_read_only=on"));
    ask_repeatedly(&g_q[0], "CREATE TABLE never ()");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_gt(g_q[0].agains, 1);
    cr_assert_lt(g_q[0].agains, 12, "%u: without a pause", g_q[0].agains);
}

Test(pg_pool_of_a_server, outlives_a_restart)
{
    g_world.options.connections = 2;
    pg_world_connect(&g_world);
    postgres_stop(&g_world.pg);
    LOOP_UNTIL(g_world.loop, health() == PG_DOWN);
    cr_assert_eq(g_world.changes, 2);
    question_ask(&g_q[0], &g_world, "SELECT 1");
    postgres_start(&g_world.pg);
    question_works(&g_q[0], &g_world);
    cr_assert_eq(health(), PG_UP);
    cr_assert_eq(g_world.changes, 3);
}

/* How often it is tried. */
static unsigned g_attempts;

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
    PGconn *(*real)(const char *const *, const char *const *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "PQconnectStartParams");
    g_attempts++;
    return real(keywords, values, expand);
}

static void let_pass(uint64_t ms)
{
    const uint64_t since_ms = loop_now_ms(g_world.loop);
    LOOP_UNTIL(g_world.loop, loop_now_ms(g_world.loop) >= since_ms + ms);
}

Test(pg_pool_of_a_server, tries_more_often_while_somebody_waits)
{
    pg_world_connect(&g_world);
    postgres_stop(&g_world.pg);
    LOOP_UNTIL(g_world.loop, health() == PG_DOWN);
    g_attempts = 0;
    let_pass(600);
    cr_assert_eq(g_attempts, 0);
    LOOP_UNTIL(g_world.loop, g_attempts == 1); /* the next one is as far away */
    question_ask(&g_q[0], &g_world, "SELECT 1");
    let_pass(600);
    cr_assert_geq(g_attempts, 4);
    cr_assert_leq(g_attempts, 6);
    postgres_start(&g_world.pg);
    question_works(&g_q[0], &g_world);
}

Test(pg_pool_of_a_server, notices_one_that_stands_still)
{
    g_world.options.each.statement_timeout_ms = 100;
    g_world.options.each.connect_timeout_ms = 100;
    g_world.options.wait_timeout_ms = 300;
    pg_world_connect(&g_world);
    postgres_freeze(&g_world.pg);
    question_ask(&g_q[0], &g_world, "SELECT 1");
    question_fails(&g_q[0], &g_world, PG_AGAIN);
    cr_assert_eq(health(), PG_DOWN);
    question_ask(&g_q[1], &g_world, "SELECT 1");
    question_fails(&g_q[1], &g_world, PG_AGAIN);
    cr_assert_str_eq(g_q[1].error.line, "cannot connect to the database postgres: "
                                        "no answer within 100 ms");
    postgres_thaw(&g_world.pg);
    LOOP_UNTIL(g_world.loop, health() == PG_UP);
}

/* --- Its end ------------------------------------------------------------------------ */

static void free_pool(struct question *q)
{
    (void)q;
    pg_pool_free(g_world.pool);
    g_world.pool = NULL;
}

Test(pg_pool, is_freed_by_an_answer)
{
    g_world.options.connections = 2;
    pg_world_connect(&g_world);
    question_of(&g_q[0], "SELECT 1", NULL);
    g_q[0].then = free_pool;
    for (int i = 1; i < 3; i++)
        question_of(&g_q[i], "SELECT 1", NULL);
    for (int i = 0; i < 3; i++)
        pg_pool_submit(g_world.pool, &g_q[i].request);
    LOOP_UNTIL(g_world.loop, g_q[0].ends == 1);
    loop_turns(g_world.loop, 5);
    cr_assert_leq(g_questions_ended, 2); /* the other connection may have been first */
}

Test(pg_pool, is_freed_by_an_error)
{
    g_world.options.wait_timeout_ms = 10;
    pg_world_pool(&g_world, postgres_by_socket(&g_world.pg, "dbname=nowhere"));
    for (int i = 0; i < 3; i++)
        question_of(&g_q[i], "SELECT 1", NULL);
    g_q[0].then = free_pool;
    for (int i = 0; i < 3; i++)
        pg_pool_submit(g_world.pool, &g_q[i].request);
    LOOP_UNTIL(g_world.loop, g_q[0].ends == 1);
    loop_turns(g_world.loop, 5);
    cr_assert_eq(g_questions_ended, 1);
}

static void on_changed_free(struct pg_pool *pool, void *arg)
{
    (void)arg;
    pg_pool_free(pool);
    g_world.pool = NULL;
}

Test(pg_pool, is_freed_when_it_is_up)
{
    g_world.options.changed = on_changed_free;
    pg_world_pool(&g_world, postgres_by_socket(&g_world.pg, ""));
    question_ask(&g_q[0], &g_world, "SELECT 1");
    LOOP_UNTIL(g_world.loop, g_world.pool == NULL);
    loop_turns(g_world.loop, 5);
    cr_assert_eq(g_q[0].ends, 0);
}

/* The moments of a connection: whenever libpq is asked to go on. */
static unsigned g_moments;

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    PostgresPollingStatusType (*real)(PGconn *);
    *(void **)&real = dlsym(RTLD_NEXT, "PQconnectPoll");
    g_moments++;
    return real(conn);
}

int PQconsumeInput(PGconn *conn)
{
    int (*real)(PGconn *);
    *(void **)&real = dlsym(RTLD_NEXT, "PQconsumeInput");
    g_moments++;
    return real(conn);
}

Test(pg_pool, is_freed_at_every_moment)
{
    unsigned due = 0;
    g_world.options.each.channel = "changes";
    do {
        pg_world_pool(&g_world, postgres_by_socket(&g_world.pg, ""));
        question_of(&g_q[0], "SELECT 1", "SELECT 2", NULL);
        g_q[0].request.begin = "BEGIN";
        pg_pool_submit(g_world.pool, &g_q[0].request);
        g_moments = 0;
        due++;
        LOOP_UNTIL(g_world.loop, g_moments >= due || g_q[0].ends > 0);
    } while (g_q[0].ends == 0);
    cr_assert_gt(due, 1);
}

Test(pg_pool, survives_each_failed_allocation)
{
    unsigned at = 0;
    bool failed = true;
    while (failed) {
        struct pg_target *target = NULL;
        char error[STORE_ERROR_MAX], *db = postgres_by_socket(&g_world.pg, "");
        heap_fail_at(++at);
        struct pg_pool *pool = NULL;
        question_of(&g_q[0], "SELECT 1", NULL);
        const bool read = pg_target_new(&target, db, error) == 0;
        g_world.options.each.target = target;
        g_world.options.changed = NULL;
        const bool made = read && pg_pool_new(&pool, g_world.loop, &g_world.options) == 0;
        if (made) {
            pg_pool_submit(pool, &g_q[0].request);
            LOOP_UNTIL(g_world.loop, g_q[0].ends == 1);
            cr_assert_str_eq(g_q[0].error.line, ""); /* it tries again */
        }
        failed = heap_failed();
        heap_fail_at(0);
        cr_assert(made || failed, "undisturbed");
        pg_pool_free(pool);
        loop_stop(g_world.loop);
        loop_run(g_world.loop);
        pg_target_free(target);
        free(db);
    }
    cr_assert_gt(at, 5);
}
