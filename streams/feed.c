#include "feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "store_status.h"

/* What those who are behind have of one round of the loop. */
#define ROUND_NS UINT64_C(1000000)

#define CHAINS_MIN 64

/* A store that could not be read is tried again after so long, news or not. */
#define RETRY_MS 1000

/* --- States ------------------------------------------------------------------------- */

static void note_lag(struct feed *feed)
{
    uint64_t lag = 0;
    if (!ring_empty(&feed->behind)) {
        const struct follower *f = container_of(feed->behind.next, struct follower, link);
        if (f->revision < feed->revision)
            lag = feed->revision - f->revision;
    }
    counter_set(&feed->stats.lag, lag);
}

/* Where a follower is when it is LIVE. */
static struct ring *live_ring(const struct follower *f)
{
    if (f->of != NULL)
        return &f->of->live;
    return f->all ? &f->feed->all : &f->feed->unborn;
}

/* The only writer of f->state. */
static void move(struct follower *f, enum follower_state next)
{
    struct feed_stats *s = &f->feed->stats;
    counter_add(&s->followers, (uint64_t)(next != FOLLOWER_OUT) - (f->state != FOLLOWER_OUT));
    counter_add(&s->behind, (uint64_t)(next == FOLLOWER_BEHIND) - (f->state == FOLLOWER_BEHIND));
    f->state = next;
    ring_remove(&f->link);
    if (next == FOLLOWER_LIVE)
        ring_append(live_ring(f), &f->link);
    else if (next == FOLLOWER_BEHIND)
        ring_append(&f->feed->behind, &f->link);
    note_lag(f->feed);
}

/* Changes from @first to @last are for it, or may be. It may have told some of them: what
 * it has read may be newer than the news that the feed has had. */
static void wake(struct follower *f, uint64_t first, uint64_t last)
{
    if (f->revision >= last)
        return;
    if (f->revision < first - 1)
        f->revision = first - 1;
    move(f, FOLLOWER_BEHIND);
    f->behind(f);
}

/* All that are LIVE on this ring. Who is woken may leave, alone or with others: so those who
 * still have to be looked at are on a ring of their own. */
static void wake_ring(struct ring *ring, uint64_t first, uint64_t last)
{
    struct ring left;
    ring_init(&left);
    ring_move(&left, ring);
    while (!ring_empty(&left)) {
        struct follower *f = container_of(left.next, struct follower, link);
        ring_remove(&f->link);
        ring_append(ring, &f->link);
        wake(f, first, last);
    }
}

/* --- Who follows which group -------------------------------------------------------- */

static struct feed_group **chain_of(const struct feed *feed, uint32_t ordinal)
{
    return &feed->groups_by_ordinal[ordinal & (feed->nchains - 1)];
}

/* NULL: nobody follows it. */
static struct feed_group *find_group(const struct feed *feed, uint32_t ordinal)
{
    if (feed->nchains == 0)
        return NULL;
    struct feed_group *g = *chain_of(feed, ordinal);
    while (g != NULL && g->ordinal != ordinal)
        g = g->next;
    return g;
}

static void put_group(struct feed *feed, struct feed_group *g)
{
    struct feed_group **chain = chain_of(feed, g->ordinal);
    g->next = *chain;
    *chain = g;
}

/* As many chains as there are groups, or fewer where there is no memory for more. */
static int grow(struct feed *feed)
{
    struct feed_group **before = feed->groups_by_ordinal;
    const size_t nbefore = feed->nchains, n = nbefore == 0 ? CHAINS_MIN : 2 * nbefore;
    if (feed->ngroups < nbefore)
        return 0;
    struct feed_group **chains = calloc(n, sizeof(struct feed_group *));
    if (chains == NULL)
        return nbefore == 0 ? ENOMEM : 0;
    feed->groups_by_ordinal = chains;
    feed->nchains = n;
    for (size_t i = 0; i < nbefore; i++)
        for (struct feed_group *g = before[i], *next; g != NULL; g = next) {
            next = g->next;
            put_group(feed, g);
        }
    free(before);
    return 0;
}

/* The group of this ordinal, with one follower more. NULL: out of memory. */
static struct feed_group *hold_group(struct feed *feed, uint32_t ordinal)
{
    struct feed_group *g = find_group(feed, ordinal);
    if (g == NULL && grow(feed) == 0) {
        g = calloc(1, sizeof *g);
        if (g == NULL)
            return NULL;
        g->ordinal = ordinal;
        ring_init(&g->live);
        put_group(feed, g);
        feed->ngroups++;
    }
    if (g != NULL)
        g->followers++;
    return g;
}

static void release_group(struct feed *feed, struct feed_group *g)
{
    if (g == NULL || --g->followers > 0)
        return;
    struct feed_group **at = chain_of(feed, g->ordinal);
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    feed->ngroups--;
    free(g);
}

/* What could not be read or placed is not forgotten until the next news. */
static void try_again(struct feed *feed)
{
    timer_start(feed->loop, &feed->retry, RETRY_MS);
}

/* Finds the group of a follower, if it has come to be. 0, ENOMEM, or EIO. In a step of the
 * reader. */
static int find_its_group(struct feed *feed, struct follower *f)
{
    uint32_t ordinal;
    const int found = reader_group(feed->reader, f->group, &ordinal);
    if (found < 0)
        return EIO;
    if (found == 1)
        f->of = hold_group(feed, ordinal);
    return found == 1 && f->of == NULL ? ENOMEM : 0;
}

/* Groups that have come to be since: their LIVE followers are with them from now on. Those who
 * are BEHIND look when they have caught up. */
static void place_unborn(struct feed *feed)
{
    struct ring unborn;
    uint64_t groups = feed->groups;
    bool all = reader_groups(feed->reader, &groups) == 1;
    if (all && groups == feed->groups)
        return;
    ring_init(&unborn);
    ring_move(&unborn, &feed->unborn);
    while (!ring_empty(&unborn)) {
        struct follower *f = container_of(unborn.next, struct follower, link);
        ring_remove(&f->link);
        all = find_its_group(feed, f) == 0 && all;
        ring_append(live_ring(f), &f->link);
    }
    if (all)
        feed->groups = groups;
    else
        try_again(feed);
}

/* --- News --------------------------------------------------------------------------- */

struct look {
    struct change_visit visit;
    struct feed *feed;
};

static bool visit_change(struct change_visit *visit, const struct change *c)
{
    const struct look *look = container_of(visit, struct look, visit);
    struct feed_group *g = find_group(look->feed, c->at.group);
    if (g == NULL || ring_empty(&g->live))
        return true;
    g->followers++; /* it stays until all were woken, whoever leaves */
    wake_ring(&g->live, c->revision, c->revision);
    release_group(look->feed, g);
    return true;
}

static void wake_groups(struct feed *feed, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < feed->nchains; i++)
        for (struct feed_group *g = feed->groups_by_ordinal[i], *next; g != NULL; g = next) {
            g->followers++;
            wake_ring(&g->live, first, last);
            next = g->next;
            release_group(feed, g);
        }
}

/* The store cannot be read: each finds out by itself, and says so. */
static void wake_everybody(struct feed *feed)
{
    const uint64_t first = feed->revision + 1;
    wake_groups(feed, first, UINT64_MAX);
    wake_ring(&feed->unborn, first, UINT64_MAX);
    wake_ring(&feed->all, first, UINT64_MAX);
}

/* Finds those whom what was changed since concerns, as far as it was fetched. Where the log
 * cannot be read from there, that is everybody: each finds out by itself, and says so.
 * Returns whether that was all. */
static bool read_fetched(struct feed *feed)
{
    struct look look = { .visit.change = visit_change, .feed = feed };
    const uint64_t from = feed->revision;
    uint64_t last = from;
    if (reader_revision(feed->reader, &last) < 0) {
        wake_everybody(feed);
        return true;
    }
    place_unborn(feed);
    const bool by_group = feed->ngroups > 0 || !ring_empty(&feed->unborn);
    const int rv = by_group ? reader_changes(feed->reader, &feed->revision, &look.visit) : 0;
    if (rv == READER_MORE) {
        last = feed->revision;
    } else if (rv != 0) {
        wake_groups(feed, from + 1, last);
        wake_ring(&feed->unborn, from + 1, last); /* its group's first change may be cut */
    }
    feed->revision = last;
    wake_ring(&feed->all, from + 1, last);
    return rv != READER_MORE;
}

/* In a step of the reader. */
static void read_changes(struct feed *feed)
{
    int rv;
    bool all = false;
    do {
        const struct store_need need = { .kind = NEED_CHANGES, .revision = feed->revision };
        rv = reader_need(feed->reader, &feed->fetch, &need);
        if (rv == 1)
            all = read_fetched(feed);
    } while (rv == 1 && !all);
    feed->fetching = rv == 0;
    if (rv < 0) {
        log_line(store_log_level(feed->reader), "%s", reader_error(feed->reader));
        try_again(feed);
    }
}

static void look_now(struct feed *feed)
{
    char error[STORE_ERROR_MAX];
    feed->again = false;
    if (reader_begin(feed->reader, error) != 0) {
        log_error("%s", error);
        try_again(feed);
        return;
    }
    read_changes(feed);
    reader_end(feed->reader);
    note_lag(feed);
}

static void on_news(struct news_reader *reader)
{
    struct feed *feed = container_of(reader, struct feed, look);
    feed->again = true;
    if (!feed->fetching)
        look_now(feed);
}

static void on_retry(struct timer *timer)
{
    struct feed *feed = container_of(timer, struct feed, retry);
    if (!feed->fetching)
        look_now(feed);
}

static void on_fetched(struct store_fetch *fetch)
{
    struct feed *feed = container_of(fetch, struct feed, fetch);
    const bool again = feed->again;
    look_now(feed);
    if (again && !feed->fetching)
        look_now(feed);
}

/* --- Turns -------------------------------------------------------------------------- */

static bool waits(const struct feed_turn *t)
{
    return t->link.next != NULL && !ring_empty(&t->link);
}

void feed_wait_turn(struct feed *feed, struct feed_turn *t)
{
    if (waits(t))
        return;
    ring_append(&feed->turns, &t->link);
    task_defer(feed->loop, &feed->task);
}

void feed_cancel_turn(struct feed_turn *t)
{
    if (waits(t))
        ring_remove(&t->link);
}

static void run_turns(struct task *task)
{
    struct feed *feed = container_of(task, struct feed, task);
    const uint64_t end_ns = clock_ns() + ROUND_NS;
    do {
        struct feed_turn *t = container_of(feed->turns.next, struct feed_turn, link);
        if (ring_empty(&feed->turns))
            return;
        ring_remove(&t->link);
        t->run(t);
    } while (clock_ns() < end_ns);
    if (!ring_empty(&feed->turns))
        task_defer(feed->loop, &feed->task);
}

/* --- Followers ---------------------------------------------------------------------- */

static bool anybody(const struct feed *feed)
{
    return counter_get(&feed->stats.followers) > 0;
}

/* The first one: news are for it, from the store's last revision on. 0, or EIO. */
static int start(struct feed *feed)
{
    if (reader_revision(feed->reader, &feed->revision) < 0 ||
        reader_groups(feed->reader, &feed->groups) < 0)
        return EIO;
    news_join(feed->news, feed->loop, &feed->look);
    if (reader_fetches(feed->reader)) /* what was fetched is older than the last news, maybe */
        timer_start(feed->loop, &feed->retry, 0);
    return 0;
}

/* The last one has left. */
static void stop(struct feed *feed)
{
    news_leave(&feed->look);
    timer_stop(&feed->retry);
    store_fetch_drop(&feed->fetch);
    feed->fetching = false;
}

int feed_join(struct feed *feed, struct follower *f)
{
    f->feed = feed;
    ring_init(&f->link);
    int rv = anybody(feed) ? 0 : start(feed);
    if (rv == 0 && !f->all)
        rv = find_its_group(feed, f);
    if (rv == 0)
        move(f, FOLLOWER_BEHIND);
    else if (!anybody(feed))
        stop(feed);
    return rv;
}

void feed_progress(struct follower *f, uint64_t revision)
{
    f->revision = revision;
    note_lag(f->feed);
}

bool feed_caught_up(struct follower *f)
{
    struct feed *feed = f->feed;
    if (f->revision < feed->revision)
        return false;
    if (!f->all && f->of == NULL && find_its_group(feed, f) != 0) {
        feed->groups = 0; /* it is looked for again */
        try_again(feed);
    }
    move(f, FOLLOWER_LIVE);
    return true;
}

void feed_told(const struct follower *f, uint64_t time_ms)
{
    const uint64_t now_ms = clock_unix_ms();
    histogram_observe(&f->feed->stats.delay,
                      now_ms > time_ms ? (now_ms - time_ms) * UINT64_C(1000000) : 0);
}

uint64_t follower_revision(const struct follower *f)
{
    return f->state == FOLLOWER_LIVE && f->revision < f->feed->revision ? f->feed->revision
                                                                        : f->revision;
}

void feed_leave(struct follower *f)
{
    struct feed *feed = f->feed;
    if (f->state == FOLLOWER_OUT)
        return;
    move(f, FOLLOWER_OUT);
    release_group(feed, f->of);
    f->of = NULL;
    if (!anybody(feed))
        stop(feed);
}

/* --- Life --------------------------------------------------------------------------- */

void feed_init(struct feed *feed, struct loop *loop, struct reader *reader, struct news *news)
{
    *feed = (struct feed){
        .loop = loop,
        .reader = reader,
        .news = news,
        .look.look = on_news,
        .task.run = run_turns,
        .fetch.ready = on_fetched,
        .retry.fired = on_retry,
    };
    ring_init(&feed->all);
    ring_init(&feed->unborn);
    ring_init(&feed->behind);
    ring_init(&feed->turns);
}

void feed_close(struct feed *feed)
{
    stop(feed);
    task_cancel(&feed->task);
    free(feed->groups_by_ordinal);
    feed->groups_by_ordinal = NULL;
    feed->nchains = 0;
}
