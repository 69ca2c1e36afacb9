#include "follow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/states.h"
#include "serverkit/intercept/caller.h"
#include "serverkit/intercept/limits.h"

/* After so long without a change the client gets an empty message with a token, to know
 * that the stream is there, and to resume from. */
#define QUIET_MS UINT64_C(30000)

static const struct state_row states[FOLLOW_NR] = {
    [FOLLOW_QUEUED] = { "QUEUED", STATE(FOLLOW_LIVE) },
    [FOLLOW_LIVE] = { "LIVE", STATE(FOLLOW_WOKEN) },
    [FOLLOW_WOKEN] = { "WOKEN", STATE(FOLLOW_LIVE) },
};

/* The only writer of f->state. */
static void move(struct follow *f, enum follow_state next)
{
    f->state = (enum follow_state)state_step_logged(states, f->state, next, "follow %p", (void *)f);
}

static bool left_queue(const struct follow *f)
{
    return f->state != FOLLOW_QUEUED;
}

/* --- Waking ------------------------------------------------------------------------- */

void follows_wait_turn(struct listing *l)
{
    listing_move(l, LISTING_TURN);
    feed_wait_turn(l->env->feed, &l->follows->turn);
}

static void put_on(struct ring *ring, struct follow *f)
{
    ring_remove(&f->link);
    ring_append(ring, &f->link);
}

/* A call that waits for something else looks when it comes to rest. */
static void wake(struct follow *f)
{
    struct listing *l = f->l;
    if (f->state != FOLLOW_LIVE || l->state == LISTING_DONE)
        return;
    timer_stop(&f->quiet);
    move(f, FOLLOW_WOKEN);
    put_on(&l->follows->woken, f);
    if (l->state == LISTING_IDLE)
        follows_wait_turn(l);
}

static void on_behind(struct follower *follower)
{
    struct follow *f = container_of(follower, struct follow, follower);
    if (f->q.revision < follower->revision) /* what was between is for others */
        f->q.revision = follower->revision;
    wake(f);
}

static uint64_t quiet_ms(const struct follow *f)
{
    return f->l->env->quiet_ms > 0 ? f->l->env->quiet_ms : QUIET_MS;
}

static void on_quiet(struct timer *timer)
{
    struct follow *f = container_of(timer, struct follow, quiet);
    f->must_say = true;
    f->q.revision = follower_revision(&f->follower);
    wake(f);
}

/* The user is gone: the step that follows says so. */
static void on_word(struct name_wait *watch)
{
    struct follow *f = container_of(watch, struct follow, watch);
    name_watch_start(f->q.names.one, watch);
    if (name_state(f->q.names.one) == NAME_MISSING)
        wake(f);
}

/* --- Life --------------------------------------------------------------------------- */

static int refuse_of_call(struct query *q)
{
    struct status many =
        status_of(STATUS_RESOURCE_EXHAUSTED,
                  "too many requests follow at once: one call may have %d of them", FOLLOWS_MAX);
    status_because(&many, "TOO_MANY_FOLLOWS_OF_CALL");
    return query_refuse(q, many);
}

/* Places come back: of a client that was cut, when the server notices. */
static int refuse_of_caller(struct query *q)
{
    struct status many =
        status_of(STATUS_RESOURCE_EXHAUSTED, "too many requests of one caller follow at once: the "
                                             "limit is the server's --max-follows-per-caller");
    many.retry_after_ms = STATUS_RETRY_MS;
    status_because(&many, "TOO_MANY_FOLLOWS");
    return query_refuse(q, many);
}

static int follows_new(struct listing *l, void (*turn)(struct feed_turn *turn))
{
    if (l->follows != NULL)
        return 0;
    l->follows = calloc(1, sizeof *l->follows);
    if (l->follows == NULL)
        return ENOMEM;
    ring_init(&l->follows->live);
    ring_init(&l->follows->woken);
    l->follows->l = l;
    l->follows->turn.run = turn;
    return 0;
}

/* Whether the caller may have another one. */
static bool enter(struct follow *f)
{
    char room[CALLER_MAX];
    struct status why;
    struct limits *limits = f->l->env->follows;
    f->place = LIMITS_NO_PLACE;
    return limits == NULL ||
           limits_enter(limits, caller_of(f->l->s, room), clock_ns(), &f->place, &why);
}

int follow_new(struct listing *l, struct query *q, void (*turn)(struct feed_turn *turn))
{
    if (follows_new(l, turn) != 0)
        return ENOMEM;
    if (l->follows->n == FOLLOWS_MAX)
        return refuse_of_call(q);
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ENOMEM;
    f->l = l;
    if (!enter(f)) {
        free(f);
        return refuse_of_caller(q);
    }
    ring_init(&f->link);
    f->follower.behind = on_behind;
    f->quiet.fired = on_quiet;
    f->watch.known = on_word;
    l->follows->n++;
    q->follow = f;
    return 0;
}

void follow_leave_queue(struct follow *f, struct query *q)
{
    store_fetch_drop(&q->fetch); /* it stays where it is */
    f->q = *q;
    *q = (struct query){ 0 };
    move(f, FOLLOW_LIVE);
    ring_append(&f->l->follows->live, &f->link);
}

void follow_forget_ahead(struct follow *f)
{
    while (f->nahead > 0)
        name_release(f->ahead[--f->nahead]);
    free(f->ahead);
    f->ahead = NULL;
}

bool follow_join(struct follow *f, struct query *q)
{
    struct listing *l = f->l;
    if (f->follower.state != FOLLOWER_OUT)
        return true;
    f->follower.all = !l->kind->by_user;
    f->follower.group = q->user_id;
    f->follower.revision = q->revision;
    const int rv = feed_join(l->env->feed, &f->follower);
    if (rv == ENOMEM)
        listing_fail_memory(l);
    else if (rv != 0)
        listing_fail_store(l, reader_error(l->env->reader));
    return rv == 0;
}

static void come_to_rest(struct follow *f)
{
    move(f, FOLLOW_LIVE);
    put_on(&f->l->follows->live, f);
}

void follow_rest(struct follow *f, struct query *q)
{
    feed_progress(&f->follower, q->revision);
    const bool live = feed_caught_up(&f->follower); /* it reads what was fetched for the query */
    if (left_queue(f)) {
        come_to_rest(f);
    } else {
        follow_leave_queue(f, q);
        if (f->q.names.one != NULL)
            name_watch_start(f->q.names.one, &f->watch);
    }
    f->must_say = false;
    follow_forget_ahead(f);
    if (live)
        timer_start(f->l->s->loop, &f->quiet, quiet_ms(f));
    else
        wake(f);
}

void follow_again(struct follow *f)
{
    if (f->state == FOLLOW_WOKEN)
        put_on(&f->l->follows->woken, f);
}

struct query *follows_woken(const struct listing *l)
{
    if (l->follows == NULL || ring_empty(&l->follows->woken))
        return NULL;
    return &container_of(l->follows->woken.next, struct follow, link)->q;
}

void follow_free(struct follow *f)
{
    if (f == NULL)
        return;
    feed_leave(&f->follower);
    timer_stop(&f->quiet);
    name_wait_stop(&f->watch);
    name_release(f->author);
    follow_forget_ahead(f);
    ring_remove(&f->link);
    if (f->l->env->follows != NULL)
        limits_leave(f->l->env->follows, f->place);
    f->l->follows->n--;
    if (left_queue(f))
        query_clear(&f->q);
    free(f);
}

static void clear(struct ring *ring)
{
    struct ring *next;
    for (struct ring *at = ring->next; at != ring; at = next) {
        next = at->next;
        follow_free(container_of(at, struct follow, link));
    }
}

void follows_clear(struct listing *l)
{
    if (l->follows == NULL)
        return;
    feed_cancel_turn(&l->follows->turn);
    clear(&l->follows->live);
    clear(&l->follows->woken);
    free(l->follows);
}
