/* What was committed, here or by another server. One question tells: the row of `store`.
 * It is asked when the channel says so, after a commit of ours, and every now and then:
 * what is said on the channel while the connection was lost is not said again.
 *
 * So it knows, too, whether the database is there: it is away once a question, or the lack
 * of a connection, has lasted as long as calls wait. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "pg_store.h"
#include "pg_values.h"

#define POLL_MS      500  /* where nothing can be heard */
#define POLL_HEAR_MS 1000 /* a connection may be dead without a word */

static const struct pg_statement ask_revision = {
    .name = "feed",
    .sql = "SELECT s.revision, s.records, s.next_ordinal, c.revision, c.time_ms "
           "FROM store AS s LEFT JOIN "
           "(SELECT revision, time_ms FROM changes ORDER BY revision LIMIT 1) AS c ON true"
};

/* --- Whether it is there ------------------------------------------------------------ */

static void tell_away(struct pg_store *s, bool away)
{
    if (s->feed.away == away)
        return;
    s->feed.away = away;
    if (s->reachable != NULL)
        s->reachable(s->arg, !away);
}

static void on_doubt(struct timer *timer)
{
    struct pg_store *s =
        container_of(container_of(timer, struct pg_feed, doubt), struct pg_store, feed);
    const struct pg_error *why = pg_pool_error(s->feed.pool);
    if (pg_pool_health(s->feed.pool) == PG_DOWN && why != NULL)
        log_warn("%s", why->line);
    else
        log_warn("the database %s has not answered for %" PRIu64 " ms", s->target->name,
                 s->timeout_ms);
    tell_away(s, true);
}

static void doubt(struct pg_store *s)
{
    struct pg_feed *f = &s->feed;
    if (!f->away && !timer_running(&f->doubt))
        timer_start(s->loop, &f->doubt, s->timeout_ms);
}

static void trust(struct pg_store *s)
{
    timer_stop(&s->feed.doubt);
    if (s->feed.away)
        log_info("the database %s answers again", s->target->name);
    tell_away(s, false);
}

/* --- Questions ---------------------------------------------------------------------- */

static void ask(struct pg_store *s)
{
    struct pg_feed *f = &s->feed;
    doubt(s);
    f->again = f->asking;
    if (f->asking)
        return;
    f->asking = true;
    pg_pool_submit(f->pool, &f->request);
}

void pg_feed_look(struct pg_store *s)
{
    if (s->feed.pool != NULL)
        ask(s);
}

static void on_rows(struct pg_request *r, unsigned step, const PGresult *rows)
{
    struct pg_feed *f = container_of(r, struct pg_feed, request);
    struct pg_store *s = container_of(f, struct pg_store, feed);
    (void)step;
    if (PQntuples(rows) != 1)
        return;
    const uint64_t revision = pg_number_at(rows, 0, 0), oldest = pg_number_at(rows, 0, 3);
    pthread_mutex_lock(&f->lock);
    f->stats = (struct store_stats){ .revision = revision,
                                     .records = pg_number_at(rows, 0, 1),
                                     .groups = pg_number_at(rows, 0, 2),
                                     .changes = oldest > 0 ? revision - oldest + 1 : 0,
                                     .oldest_ms = pg_number_at(rows, 0, 4) };
    pthread_mutex_unlock(&f->lock);
    if (revision != f->revision && s->committed != NULL)
        s->committed(s->arg);
    f->revision = revision;
}

static void on_done(struct pg_request *r, const struct pg_error *error)
{
    struct pg_feed *f = container_of(r, struct pg_feed, request);
    struct pg_store *s = container_of(f, struct pg_store, feed);
    const bool again = f->again && error == NULL;
    f->asking = f->again = false;
    if (error == NULL)
        trust(s);
    timer_start(s->loop, &f->timer, pg_pool_listens(f->pool) ? POLL_HEAR_MS : POLL_MS);
    if (again)
        ask(s);
}

static void on_timer(struct timer *timer)
{
    ask(container_of(container_of(timer, struct pg_feed, timer), struct pg_store, feed));
}

static void on_notified(void *arg, const char *payload)
{
    (void)payload;
    ask(arg);
}

/* What was said meanwhile was missed. */
static void on_health(struct pg_pool *pool, void *arg)
{
    if (pg_pool_health(pool) == PG_UP)
        ask(arg);
    else
        doubt(arg);
}

struct pg_pool *pg_feed_pool(struct pg_store *s)
{
    return s->feed.pool;
}

int pg_feed_start(struct pg_store *s)
{
    struct pg_feed *f = &s->feed;
    struct pg_pool_options o = pg_store_pool(s);
    o.each.statements = &ask_revision;
    o.each.nstatements = 1;
    o.each.channel = PG_CHANNEL;
    o.each.statement_timeout_ms = s->timeout_ms / 2; /* the question is a small one */
    o.notified = on_notified;
    o.changed = on_health;
    o.arg = s;
    f->step.statement = &ask_revision;
    f->request =
        (struct pg_request){ .steps = &f->step, .nsteps = 1, .rows = on_rows, .done = on_done };
    f->timer.fired = on_timer;
    f->doubt.fired = on_doubt;
    if (pg_pool_new(&f->pool, s->loop, &o) != 0)
        return -1;
    ask(s);
    pg_sizes_start(s);
    return 0;
}

void pg_feed_end(struct pg_store *s)
{
    struct pg_feed *f = &s->feed;
    timer_stop(&f->timer);
    timer_stop(&f->doubt);
    pg_request_cancel(&f->request);
    pg_pool_free(f->pool);
    f->pool = NULL;
}

static struct store_database figures_of(const struct pg_numbers *n)
{
    struct store_database d = { .ready = pg_number_get(&n->states[PG_READY]),
                                .broken = pg_number_get(&n->states[PG_BROKEN]),
                                .waiting = pg_number_get(&n->waiting),
                                .waits = pg_number_get(&n->waits),
                                .requests = pg_number_get(&n->requests),
                                .request_ns = pg_number_get(&n->request_ns) };
    for (int state = PG_RESOLVING; state <= PG_PREPARING; state++)
        d.connecting += pg_number_get(&n->states[state]);
    return d;
}

int pg_stats(struct store *store, struct store_stats *ret)
{
    struct pg_store *s = pg_store_of(store);
    struct pg_feed *f = &s->feed;
    pthread_mutex_lock(&f->lock);
    *ret = f->stats;
    ret->used_bytes = s->sizes.used_bytes;
    ret->log_bytes = s->sizes.log_bytes;
    ret->file_bytes = s->sizes.database_bytes;
    pthread_mutex_unlock(&f->lock);
    ret->is_database = true;
    ret->database = figures_of(&s->numbers);
    return 0;
}
