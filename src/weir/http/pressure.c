#include "pressure.h"

#include "base/container.h"
#include "base/log.h"
#include "http_call.h"
#include "lane.h"
#include "tls_session.h"

#define STEP_BYTES ((size_t)64 * 1024)

/* Where relief begins. */
#define RELIEF_NUM 7
#define RELIEF_DEN 8

/* A lane that holds this part of it looks every WATCH_MS. */
#define MUCH_DEN 16
#define WATCH_MS 100

/* Less is nobody's hoard. */
#define HOARD_BYTES ((size_t)64 * 1024)

/* A connection that holds this part of the budget goes before idle ones do. */
#define LARGE_DEN 128

/* nghttp2 takes 16 KiB for a frame that we never have it make: the system gives no
 * pages for most of them. */
#define UNTOUCHED_BYTES (12 * 1024)

/* For so long a hoard counts less. */
#define NEW_MS 1000

static struct budget *budget_of(const struct lane *lane)
{
    return lane->server->options.budget;
}

static bool wants_relief(const struct lane *lane)
{
    const struct budget *b = budget_of(lane);
    return b->max > 0 && budget_used(b) > b->max / RELIEF_DEN * RELIEF_NUM;
}

bool lane_is_full(const struct lane *lane)
{
    return !budget_has_room(budget_of(lane), 0);
}

/* --- Relief ------------------------------------------------------------------------- */

static size_t published(const struct lane *lane)
{
    return atomic_load_explicit(&lane->pressure.published, memory_order_relaxed);
}

static struct lane *heaviest(struct lane *lane)
{
    struct http_server *server = lane->server;
    for (size_t i = 0; i < server->nlanes; i++)
        if (published(&server->lanes[i]) > published(lane))
            lane = &server->lanes[i];
    return lane;
}

static uint64_t greed(const struct conn *c, uint64_t now_ms)
{
    const uint64_t for_ms = now_ms - c->hoard_ms;
    if (c->broken || c->state >= CONN_LINGER)
        return 0;
    return c->noted_bytes * (1 + (for_ms < NEW_MS ? for_ms : NEW_MS));
}

/* The greediest of those that hold so much. */
static struct conn *greediest(struct lane *lane, size_t least)
{
    const uint64_t now_ms = loop_now_ms(lane->loop);
    struct conn *most = NULL;
    const struct ring *hoards = &lane->pressure.hoards;
    for (struct ring *r = hoards->next; r != hoards; r = r->next) {
        struct conn *c = container_of(r, struct conn, hoard);
        if (c->noted_bytes >= least && greed(c, now_ms) > (most != NULL ? greed(most, now_ms) : 0))
            most = c;
    }
    return most;
}

static struct conn *first_of(const struct ring *ring)
{
    return ring_empty(ring) ? NULL : container_of(ring->next, struct conn, spare);
}

static struct conn *longest_spare(const struct lane *lane)
{
    struct conn *c = first_of(&lane->pressure.strangers);
    return c != NULL ? c : first_of(&lane->pressure.spares);
}

static void let_go(struct conn *c, enum refusal why)
{
    ring_remove(&c->spare);
    if (c->state == CONN_HELLO) {
        conn_cut(c, why);
        return;
    }
    counter_add(&c->lane->stats.refused[why], 1);
    conn_leave(c);
}

static void cut(struct conn *c)
{
    log_warn("connections hold too much memory: %s, which holds %zu bytes, is cut off", c->peer,
             c->noted_bytes);
    if (c->session != NULL)
        conn_calm_down(c, REFUSED_MEMORY, "it holds too much memory");
    else
        conn_cut(c, REFUSED_MEMORY); /* it is at its hello: there is nothing to say it with */
}

/* Comes again when the books have heard of it. */
static void on_relief(struct task *task)
{
    struct lane *lane = container_of(task, struct lane, pressure.relief);
    if (!wants_relief(lane))
        return;
    struct conn *greedy = greediest(lane, budget_of(lane)->max / LARGE_DEN);
    struct conn *spare = greedy == NULL ? longest_spare(lane) : NULL;
    if (greedy == NULL && spare == NULL)
        greedy = greediest(lane, HOARD_BYTES);
    if (greedy != NULL)
        cut(greedy);
    else if (spare != NULL)
        let_go(spare, REFUSED_MEMORY);
    if (greedy != NULL || spare != NULL)
        task_defer(lane->loop, task);
}

/* One that holds less leaves it to the other, which looks by itself. */
static void relieve(struct lane *lane)
{
    if (wants_relief(lane) && (lane_is_full(lane) || heaviest(lane) == lane))
        task_defer(lane->loop, &lane->pressure.relief);
}

static bool holds_much(const struct lane *lane)
{
    const size_t max = budget_of(lane)->max;
    return max > 0 && lane->pressure.held > max / MUCH_DEN;
}

static void on_watch(struct timer *timer)
{
    struct lane *lane = container_of(timer, struct lane, pressure.watch);
    relieve(lane);
    if (holds_much(lane))
        timer_start(lane->loop, timer, WATCH_MS);
}

bool lane_make_way(struct lane *lane, const struct conn *newcomer)
{
    struct conn *c = first_of(&lane->pressure.strangers);
    if (c == NULL || c == newcomer)
        return false;
    let_go(c, REFUSED_TOO_MANY_CONNECTIONS);
    return true;
}

/* --- The books ---------------------------------------------------------------------- */

static void publish(struct lane *lane)
{
    struct pressure *p = &lane->pressure;
    const size_t before = published(lane);
    if (p->held > before)
        budget_add(budget_of(lane), p->held - before);
    else
        budget_give(budget_of(lane), before - p->held);
    atomic_store_explicit(&p->published, p->held, memory_order_relaxed);
}

static size_t apart(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

static void note(struct conn *c, size_t bytes)
{
    struct lane *lane = c->lane;
    if (bytes >= HOARD_BYTES && c->noted_bytes < HOARD_BYTES) {
        c->hoard_ms = loop_now_ms(lane->loop);
        ring_append(&lane->pressure.hoards, &c->hoard);
    } else if (bytes < HOARD_BYTES && c->noted_bytes >= HOARD_BYTES) {
        ring_remove(&c->hoard);
    }
    lane->pressure.held += bytes - c->noted_bytes;
    c->noted_bytes = bytes;
    if (apart(lane->pressure.held, published(lane)) < STEP_BYTES)
        return;
    publish(lane);
    relieve(lane);
    if (holds_much(lane) && !timer_running(&lane->pressure.watch))
        timer_start(lane->loop, &lane->pressure.watch, WATCH_MS);
}

void conn_note(struct conn *c)
{
    const size_t tls = c->tls != NULL ? tls_session_held(c->tls) : 0;
    const size_t all = CONN_BYTES + c->held_bytes + conn_rest_bytes(c) + tls;
    note(c, c->session != NULL ? all - UNTOUCHED_BYTES : all);
}

void conn_note_end(struct conn *c)
{
    note(c, 0);
}

void http_call_note(struct http_call *c)
{
    const size_t held = CALL_BYTES + call_in_held(c) + call_out_held(c);
    c->conn->held_bytes += held - c->held_bytes;
    c->held_bytes = held;
}

void http_call_note_end(struct http_call *c)
{
    c->conn->held_bytes -= c->held_bytes;
    c->held_bytes = 0;
}

/* --- Life --------------------------------------------------------------------------- */

void pressure_init(struct lane *lane)
{
    ring_init(&lane->pressure.strangers);
    ring_init(&lane->pressure.spares);
    ring_init(&lane->pressure.hoards);
    lane->pressure.relief.run = on_relief;
    lane->pressure.watch.fired = on_watch;
}

void pressure_end(struct lane *lane)
{
    timer_stop(&lane->pressure.watch);
    task_cancel(&lane->pressure.relief);
    publish(lane);
}
