#include "feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"

/* What those who are behind have of one round of the loop. */
#define ROUND_NS UINT64_C(1000000)

#define BUCKETS_MIN 64

/* --- States ------------------------------------------------------------------------- */

/* The only writer of f->state. */
static void move(struct follower *f, enum follower_state next)
{
    struct feed_stats *s = &f->feed->stats;
    counter_add(&s->followers, (uint64_t)(next != FOLLOWER_OUT) - (f->state != FOLLOWER_OUT));
    counter_add(&s->behind, (uint64_t)(next == FOLLOWER_BEHIND) - (f->state == FOLLOWER_BEHIND));
    f->state = next;
    if (counter_get(&s->behind) == 0)
        counter_set(&s->lag, 0);
}

/* Changes from @first to @last are for it, or may be. It may have told some of them: what
 * it has read may be newer than the news that the feed has had. */
static void wake(struct follower *f, uint64_t first, uint64_t last)
{
    if (f->state != FOLLOWER_LIVE || f->revision >= last)
        return;
    if (f->revision < first - 1)
        f->revision = first - 1;
    move(f, FOLLOWER_BEHIND);
    f->behind(f);
}

/* Of @group or, if that is NULL, all on the ring. Who is woken may leave, alone or with
 * others: so those who still have to be looked at are on a ring of their own. */
static void wake_ring(struct ring *ring, const uint32_t *group, uint64_t first, uint64_t last)
{
    struct ring left;
    ring_init(&left);
    ring_move(&left, ring);
    while (!ring_empty(&left)) {
        struct follower *f = container_of(left.next, struct follower, link);
        ring_remove(&f->link);
        ring_append(ring, &f->link);
        if (group == NULL || f->ordinal == *group)
            wake(f, first, last);
    }
}

/* --- Who follows which group -------------------------------------------------------- */

static struct ring *bucket_of(const struct feed *feed, uint32_t ordinal)
{
    return &feed->buckets[ordinal & (feed->nbuckets - 1)];
}

/* Into the bucket of its group. */
static void put(struct feed *feed, struct follower *f)
{
    struct ring *bucket = bucket_of(feed, f->ordinal);
    assert(bucket->prev != NULL); /* the analyzer does not see that all were made rings */
    ring_remove(&f->link);
    ring_append(bucket, &f->link);
}

static struct ring *buckets_new(size_t n)
{
    struct ring *buckets = calloc(n, sizeof *buckets);
    for (size_t i = 0; buckets != NULL && i < n; i++)
        ring_init(&buckets[i]);
    return buckets;
}

/* As many buckets as there are followers, or fewer where there is no memory for more. */
static int grow(struct feed *feed)
{
    struct ring all, *before = feed->buckets;
    const size_t nbefore = feed->nbuckets, n = nbefore == 0 ? BUCKETS_MIN : 2 * nbefore;
    if (feed->of_groups < nbefore)
        return 0;
    struct ring *buckets = buckets_new(n);
    if (buckets == NULL)
        return nbefore == 0 ? ENOMEM : 0;
    ring_init(&all);
    for (size_t i = 0; i < nbefore; i++)
        ring_move(&all, &before[i]);
    free(before);
    feed->buckets = buckets;
    feed->nbuckets = n;
    while (!ring_empty(&all))
        put(feed, container_of(all.next, struct follower, link));
    return 0;
}

/* Where the follower of a group belongs now. 0, or EIO. In a step of the reader. */
static int place(struct feed *feed, struct follower *f)
{
    const int found = reader_group(feed->reader, f->group, &f->ordinal);
    if (found < 0)
        return EIO;
    if (found == 0)
        ring_append(&feed->unborn, &f->link);
    else
        put(feed, f);
    return 0;
}

/* Groups that have come to be since. */
static void place_unborn(struct feed *feed)
{
    struct ring unborn;
    const uint64_t groups = reader_groups(feed->reader);
    if (groups == feed->groups)
        return;
    feed->groups = groups;
    ring_init(&unborn);
    ring_move(&unborn, &feed->unborn);
    while (!ring_empty(&unborn)) {
        struct follower *f = container_of(unborn.next, struct follower, link);
        ring_remove(&f->link);
        if (place(feed, f) != 0) {
            log_error("%s", reader_error(feed->reader));
            ring_append(&feed->unborn, &f->link);
        }
    }
}

/* --- News --------------------------------------------------------------------------- */

struct look {
    struct change_visit visit;
    struct feed *feed;
};

static bool visit_change(struct change_visit *visit, const struct change *c)
{
    const struct look *look = container_of(visit, struct look, visit);
    wake_ring(bucket_of(look->feed, c->at.group), &c->at.group, c->revision, c->revision);
    return true;
}

static void wake_groups(struct feed *feed, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < feed->nbuckets; i++)
        wake_ring(&feed->buckets[i], NULL, first, last);
}

/* Finds those whom what was changed since concerns, as far as it was fetched. Where the log
 * cannot be read from there, that is everybody: each finds out by itself, and says so.
 * Returns whether that was all. */
static bool read_fetched(struct feed *feed)
{
    struct look look = { .visit.change = visit_change, .feed = feed };
    const uint64_t from = feed->revision;
    uint64_t last = reader_revision(feed->reader);
    place_unborn(feed);
    const int rv =
        feed->nbuckets > 0 ? reader_changes(feed->reader, &feed->revision, &look.visit) : 0;
    if (rv == READER_MORE)
        last = feed->revision;
    else if (rv != 0)
        wake_groups(feed, from + 1, last);
    feed->revision = last;
    wake_ring(&feed->all, NULL, from + 1, last);
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
    if (rv < 0)
        log_error("%s", reader_error(feed->reader)); /* the next news are of this too */
}

static uint64_t lag_of(const struct feed *feed, const struct ring *ring)
{
    uint64_t lag = 0;
    for (const struct ring *at = ring->next; at != ring; at = at->next) {
        const struct follower *f = container_of(at, struct follower, link);
        if (f->state == FOLLOWER_BEHIND && feed->revision - f->revision > lag)
            lag = feed->revision - f->revision;
    }
    return lag;
}

static void note_lag(struct feed *feed)
{
    uint64_t most = lag_of(feed, &feed->all);
    for (size_t i = 0; i < feed->nbuckets; i++) {
        const uint64_t lag = lag_of(feed, &feed->buckets[i]);
        if (lag > most)
            most = lag;
    }
    counter_set(&feed->stats.lag, most);
}

static void look_now(struct feed *feed)
{
    char error[STORE_ERROR_MAX];
    feed->again = false;
    if (reader_begin(feed->reader, error) != 0) {
        log_error("%s", error);
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

/* The first one: news are for it, from the store's last revision on. */
static void start(struct feed *feed)
{
    feed->revision = reader_revision(feed->reader);
    feed->groups = reader_groups(feed->reader);
    news_join(feed->news, feed->loop, &feed->look);
}

/* The last one has left. */
static void stop(struct feed *feed)
{
    news_leave(&feed->look);
    store_fetch_drop(&feed->fetch);
    feed->fetching = false;
}

static int enter(struct feed *feed, struct follower *f)
{
    if (f->all) {
        ring_append(&feed->all, &f->link);
        return 0;
    }
    if (grow(feed) != 0)
        return ENOMEM;
    const int rv = place(feed, f);
    if (rv == 0)
        feed->of_groups++;
    return rv;
}

int feed_join(struct feed *feed, struct follower *f)
{
    f->feed = feed;
    ring_init(&f->link);
    if (!anybody(feed))
        start(feed);
    const int rv = enter(feed, f);
    if (rv == 0)
        move(f, FOLLOWER_BEHIND);
    else if (!anybody(feed))
        stop(feed);
    return rv;
}

bool feed_caught_up(struct follower *f)
{
    if (f->revision < f->feed->revision)
        return false;
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
    if (!f->all)
        feed->of_groups--;
    ring_remove(&f->link);
    move(f, FOLLOWER_OUT);
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
    };
    ring_init(&feed->all);
    ring_init(&feed->unborn);
    ring_init(&feed->turns);
}

void feed_close(struct feed *feed)
{
    stop(feed);
    task_cancel(&feed->task);
    free(feed->buckets);
    feed->buckets = NULL;
    feed->nbuckets = 0;
}
