/* One connection to a real PostgreSQL: how it begins, what it answers, how it ends. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/postgres.h"
#include "store/postgres/pg_conn.h"

static struct postgres g_pg;
static struct loop *g_loop;
static struct pg_target *g_target;
static struct pg_options g_options;
static struct pg_conn g_conn;
static unsigned g_changes;

static void init(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    postgres_open(&g_pg, NULL);
    cr_assert_eq(loop_new(&g_loop, LOOP_IN_UV), 0);
}

static void fini(void)
{
    pg_conn_close(&g_conn);
    loop_free(g_loop);
    pg_target_free(g_target);
    postgres_close(&g_pg);
}

TestSuite(pg_conn, .init = init, .fini = fini);

static void on_changed(struct pg_conn *c)
{
    (void)c;
    g_changes++;
}

static void on_room(struct pg_conn *c)
{
    (void)c;
}

static void connect_to(char *db)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(pg_target_new(&g_target, db, error), 0, "%s", error);
    free(db);
    g_options.target = g_target;
    g_conn = (struct pg_conn){
        .loop = g_loop, .options = &g_options, .changed = on_changed, .room = on_room
    };
    pg_conn_open(&g_conn);
    LOOP_UNTIL(g_loop, g_changes > 0);
}

struct question {
    struct pg_request request;
    struct pg_step step;
    struct pg_statement statement;
    char text[64]; /* of its last row */
    unsigned rows, ends;
    struct pg_error error;
};

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct question *q = container_of(r, struct question, request);
    (void)step;
    for (int i = 0; i < PQntuples(rows); i++, q->rows++)
        snprintf(q->text, sizeof q->text, "%.*s", PQgetlength(rows, i, 0), PQgetvalue(rows, i, 0));
}

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct question *q = container_of(r, struct question, request);
    q->ends++;
    if (error != NULL)
        q->error = *error;
}

static void ask(struct question *q, const char *sql)
{
    *q = (struct question){ .statement.sql = sql };
    q->step.statement = &q->statement;
    q->request =
        (struct pg_request){ .steps = &q->step, .nsteps = 1, .rows = on_rows, .done = on_done };
    pg_conn_send(&g_conn, &q->request);
}

Test(pg_conn, answers_by_its_socket)
{
    struct question q;
    connect_to(postgres_by_socket(&g_pg, ""));
    cr_assert_eq(g_conn.state, PG_READY, "%s", g_conn.error.line);
    ask(&q, "SELECT 'hello'");
    LOOP_UNTIL(g_loop, q.ends > 0);
    cr_assert_str_eq(q.error.line, "");
    cr_assert_str_eq(q.text, "hello");
}
