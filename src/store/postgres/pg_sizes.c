/* How large the tables are, for the metrics: the database looks at its files for that, so it is
 * asked now and then, and not with each scrape. */
#include "pg_store.h"

#define EVERY_MS 10000

static const struct pg_statement ask_sizes = {
    .sql = "SELECT pg_total_relation_size('store') + pg_total_relation_size('groups') + "
           "pg_total_relation_size('records') + pg_total_relation_size('changes'), "
           "pg_total_relation_size('changes'), pg_database_size(current_database())"
};

static struct pg_store *store_of(struct pg_sizes *z)
{
    return container_of(z, struct pg_store, sizes);
}

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct pg_sizes *z = container_of(r, struct pg_sizes, request);
    struct pg_store *s = store_of(z);
    (void)step;
    if (PQntuples(rows) != 1)
        return;
    pthread_mutex_lock(&s->feed.lock);
    z->used_bytes = pg_number_at(rows, 0, 0);
    z->log_bytes = pg_number_at(rows, 0, 1);
    z->database_bytes = pg_number_at(rows, 0, 2);
    pthread_mutex_unlock(&s->feed.lock);
}

/* What cannot be had stays as it was. */
static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct pg_sizes *z = container_of(r, struct pg_sizes, request);
    (void)error;
    timer_start(store_of(z)->loop, &z->timer, EVERY_MS);
}

static void on_timer(struct timer *timer)
{
    struct pg_sizes *z = container_of(timer, struct pg_sizes, timer);
    pg_pool_submit(pg_feed_pool(store_of(z)), &z->request);
}

void pg_sizes_start(struct pg_store *s)
{
    struct pg_sizes *z = &s->sizes;
    z->step.statement = &ask_sizes;
    z->request =
        (struct pg_request){ .steps = &z->step, .nsteps = 1, .rows = on_rows, .done = on_done };
    z->timer.fired = on_timer;
    on_timer(&z->timer);
}

void pg_sizes_end(struct pg_store *s)
{
    timer_stop(&s->sizes.timer);
    pg_request_cancel(&s->sizes.request);
}
