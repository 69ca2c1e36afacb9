#include "pg_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"

unsigned g_questions_ended;

static void on_changed(struct pg_pool *pool, void *arg)
{
    struct pg_world *w = arg;
    (void)pool;
    w->changes++;
}

static void on_notified(void *arg, const char *payload)
{
    struct pg_world *w = arg;
    w->notes++;
    snprintf(w->note, sizeof w->note, "%s", payload);
}

void pg_world_open(struct pg_world *w, const char *settings)
{
    *w = (struct pg_world){ .options = { .each = { .connect_timeout_ms = 5000,
                                                   .statement_timeout_ms = 5000 },
                                         .connections = 1,
                                         .max_waiting = 1000,
                                         .wait_timeout_ms = 5000,
                                         .changed = on_changed,
                                         .notified = on_notified,
                                         .arg = w } };
    if (settings != NULL)
        postgres_open(&w->pg, settings);
    else
        postgres_share(&w->pg);
    cr_assert_eq(loop_new(&w->loop, LOOP_IN_UV), 0);
}

static void end_pool(struct pg_world *w)
{
    pg_pool_free(w->pool);
    w->pool = NULL;
    loop_stop(w->loop);
    loop_run(w->loop);
    pg_target_free(w->target);
    w->target = NULL;
}

void pg_world_close(struct pg_world *w)
{
    if (w->loop != NULL)
        end_pool(w);
    loop_free(w->loop);
    w->loop = NULL;
    postgres_close(&w->pg);
}

void pg_world_pool(struct pg_world *w, char *db)
{
    char error[STORE_ERROR_MAX];
    end_pool(w);
    cr_assert_eq(pg_target_new(&w->target, db, error), 0, "%s", error);
    free(db);
    w->options.each.target = w->target;
    w->changes = 0;
    cr_assert_eq(pg_pool_new(&w->pool, w->loop, &w->options), 0);
}

void pg_world_connect(struct pg_world *w)
{
    pg_world_pool(w, postgres_by_socket(&w->pg, ""));
    LOOP_UNTIL(w->loop, w->changes > 0);
    cr_assert_eq(pg_pool_health(w->pool), PG_UP, "%s", pg_pool_error(w->pool)->line);
}

/* --- Questions ---------------------------------------------------------------------- */

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct question *q = container_of(r, struct question, request);
    char *text = q->texts[step];
    if (PQresultStatus(rows) == PGRES_COMMAND_OK)
        snprintf(text, sizeof q->texts[0], "%s", PQcmdStatus((PGresult *)(uintptr_t)rows));
    for (int i = 0; i < PQntuples(rows); i++, q->rows[step]++) {
        const int len = PQgetlength(rows, i, 0), most = (int)sizeof q->texts[0] - 1;
        snprintf(text, sizeof q->texts[0], "%.*s", len < most ? len : most, PQgetvalue(rows, i, 0));
        q->bytes += (size_t)len;
    }
}

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct question *q = container_of(r, struct question, request);
    q->ends++;
    q->place = ++g_questions_ended;
    if (error != NULL)
        q->error = *error;
    if (q->then != NULL)
        q->then(q);
}

void question_of(struct question *q, ...)
{
    va_list args;
    const char *sql;
    *q = (struct question){ .request = { .steps = q->steps, .rows = on_rows, .done = on_done } };
    va_start(args, q);
    while ((sql = va_arg(args, const char *)) != NULL) {
        const unsigned i = q->request.nsteps++;
        cr_assert_lt(i, QUESTION_STEPS);
        q->statements[i].sql = sql;
        q->steps[i].statement = &q->statements[i];
    }
    va_end(args);
}

static void on_again(struct pg_request *r)
{
    container_of(r, struct question, request)->agains++;
}

void question_repeats(struct question *q)
{
    q->request.again = on_again;
}

void question_ask(struct question *q, struct pg_world *w, const char *sql)
{
    question_of(q, sql, NULL);
    pg_pool_submit(w->pool, &q->request);
}
