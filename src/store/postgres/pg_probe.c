/* What became of a transaction that has no answer: the database is asked, over the connection
 * of the feed, whether the process behind the writer's connection is still at work. If it is,
 * its commit waits, for a standby mostly, and it is let be. If not, the answer was lost, or
 * the writer still talks to a server that is none any more. */
#include "base/log.h"
#include "pg_store.h"
#include "pg_values.h"

static const struct pg_statement ask_activity = {
    .sql = "SELECT count(*) FROM pg_stat_activity"
           " WHERE pid = $1::bigint AND state NOT LIKE 'idle%'"
};

static struct pg_store *store_of(struct pg_request *r)
{
    struct pg_probe *p = container_of(r, struct pg_probe, request);
    return container_of(container_of(p, struct pg_writer, probe), struct pg_store, writer);
}

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    (void)step;
    container_of(r, struct pg_probe, request)->at_work = pg_number_at(rows, 0, 0) > 0;
}

static void give_up(struct pg_store *s)
{
    const struct pg_error why = pg_error_again("lost sight of a commit to the database %s: its "
                                               "connection is made anew",
                                               s->target->name);
    log_warn("%s", why.line);
    pg_pool_give_up(s->writer.pool, &why);
}

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct pg_store *s = store_of(r);
    if (error != NULL || !s->writer.probe.at_work)
        give_up(s);
}

void pg_probe_start(struct pg_store *s)
{
    struct pg_probe *p = &s->writer.probe;
    const int backend = pg_pool_backend(s->writer.pool);
    pg_probe_cancel(s);
    if (backend == 0 || pg_pool_health(pg_feed_pool(s)) != PG_UP) {
        give_up(s);
        return;
    }
    p->at_work = false;
    p->param = pg_bigint_param(&p->backend, (uint64_t)backend);
    p->step = (struct pg_step){ .statement = &ask_activity, .params = &p->param, .nparams = 1 };
    p->request =
        (struct pg_request){ .steps = &p->step, .nsteps = 1, .rows = on_rows, .done = on_done };
    pg_pool_submit(pg_feed_pool(s), &p->request);
}

void pg_probe_cancel(struct pg_store *s)
{
    pg_request_cancel(&s->writer.probe.request);
}
