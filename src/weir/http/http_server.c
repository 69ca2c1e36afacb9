/* The server's life: making, starting, stopping, freeing.
 *
 * It stops in this order. The listeners close. Each lane tells its connections to
 * go (conn_leave) and the handlers of open calls that it drains. A connection ends
 * when its last call has; the lane, when its last connection has. What is left
 * after the timeout is cut: its calls end with UNAVAILABLE, and its connections
 * have a moment to say so. */
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/deflate.h"
#include "base/states.h"
#include "http_call.h"
#include "lane.h"
#include "listener.h"
#include "tls_context.h"

/* --- Lanes -------------------------------------------------------------------------- */

static const struct state_row lane_states[] = {
    [LANE_SERVING] = { "SERVING", STATE(LANE_DRAINING) },
    [LANE_DRAINING] = { "DRAINING", STATE(LANE_GONE) },
    [LANE_GONE] = { "GONE", 0 },
};

/* The only writer of lane->state. */
static void lane_move(struct lane *lane, enum lane_state next)
{
    lane->state =
        state_step_logged(lane_states, lane->state, next, "lane %u", loop_index(lane->loop));
}

static void note_gone(struct lane *lane);

static bool lane_init(struct lane *lane, struct http_server *server, struct loop *loop)
{
    lane->server = server;
    lane->loop = loop;
    lane->conn_gone = note_gone;
    ring_init(&lane->conns);
    conn_turns_init(lane);
    pressure_init(lane);
    turns_init(&lane->reading, loop, ROUND_CALLS);
    turns_init(&lane->writing, loop, ROUND_BYTES);
    lane->input = malloc(READ_MAX_BYTES);
    lane->deflater = deflater_new();
    if (!outbox_init(&lane->outbox) || lane->input == NULL || lane->deflater == NULL ||
        !lane_open_sessions(lane))
        return false;
    return server->options.tls == NULL ||
           tls_context_new(&lane->tls, server->options.tls, server->options.web != NULL) == 0;
}

static void lane_close(struct lane *lane)
{
    if (lane->loop == NULL)
        return;
    task_cancel(&lane->hello_turn);
    lane_close_sessions(lane);
    tls_context_free(lane->tls);
    deflater_free(lane->deflater);
    outbox_close(&lane->outbox);
    spares_clear(&lane->spare_calls);
    free(lane->input);
}

/* --- Stopping ----------------------------------------------------------------------- */

static void on_lane_gone(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    struct http_server *server = lane->server;
    (void)loop;
    if (--server->lanes_to_go > 0)
        return;
    timer_stop(&server->drain_timer);
    if (server->lanes_to_cut == 0)
        server->done(&server->base, server->done_arg);
}

/* A connection has ended: if it was the last one of a lane that drains, that is over. */
static void note_gone(struct lane *lane)
{
    if (lane->state != LANE_DRAINING || !ring_empty(&lane->conns))
        return;
    lane_move(lane, LANE_GONE);
    pressure_end(lane);
    loop_post_with(lane->server->lanes[0].loop, &lane->is_gone, on_lane_gone, lane);
}

static void drain_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    lane_move(lane, LANE_DRAINING);
    for (struct ring *r = lane->conns.next, *next; r != &lane->conns; r = next) {
        struct conn *c = container_of(r, struct conn, link);
        next = r->next;
        for (struct ring *k = c->calls.next, *after; k != &c->calls; k = after) {
            after = k->next;
            http_call_drain(container_of(k, struct http_call, link));
        }
        conn_leave(c);
    }
    note_gone(lane);
}

static void cut_calls(struct conn *c)
{
    const struct status stopping = status_stopping();
    for (struct ring *k = c->calls.next, *next; k != &c->calls; k = next) {
        next = k->next;
        http_call_cut(container_of(k, struct http_call, link), &stopping);
    }
}

static void on_lane_cut(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    struct http_server *server = lane->server;
    (void)loop;
    if (--server->lanes_to_cut == 0 && server->lanes_to_go == 0)
        server->done(&server->base, server->done_arg);
}

static void cut_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    for (struct ring *r = lane->conns.next, *next; r != &lane->conns; r = next) {
        struct conn *c = container_of(r, struct conn, link);
        next = r->next;
        cut_calls(c);
        conn_give_up(c);
    }
    loop_post_with(lane->server->lanes[0].loop, &lane->to_cut, on_lane_cut, lane);
}

static void on_drain_timer(struct timer *timer)
{
    struct http_server *server = container_of(timer, struct http_server, drain_timer);
    server->lanes_to_cut = server->nlanes;
    for (size_t i = 0; i < server->nlanes; i++)
        loop_post_with(server->lanes[i].loop, &server->lanes[i].to_cut, cut_lane,
                       &server->lanes[i]);
}

static void stop_listeners(struct http_server *server)
{
    for (struct listener *l = server->listeners, *next; l != NULL; l = next) {
        next = l->next;
        listener_stop(l);
    }
    server->listeners = NULL;
}

static void http_server_drain(struct server *base, uint64_t timeout_ms,
                              void (*done)(struct server *server, void *arg), void *arg)
{
    struct http_server *server = http_server_of(base);
    server->done = done;
    server->done_arg = arg;
    server->drain_timer.fired = on_drain_timer;
    server->lanes_to_go = server->nlanes;
    stop_listeners(server);
    for (size_t i = 0; i < server->nlanes; i++)
        loop_post_with(server->lanes[i].loop, &server->lanes[i].to_drain, drain_lane,
                       &server->lanes[i]);
    timer_start(server->lanes[0].loop, &server->drain_timer, timeout_ms);
}

/* --- Life --------------------------------------------------------------------------- */

static void http_server_stats(const struct server *base, struct server_stats *ret)
{
    const struct http_server *server = (const struct http_server *)base;
    conn_stats_begin(ret);
    for (size_t i = 0; i < server->nlanes; i++)
        conn_stats_add(ret, &server->lanes[i].stats);
}

static int http_server_listen(struct server *base, const char *address,
                              char error[SERVER_ERROR_MAX])
{
    return listener_new(http_server_of(base), address, error);
}

static int http_server_start(struct server *base)
{
    struct http_server *server = http_server_of(base);
    for (struct listener *l = server->listeners; l != NULL; l = l->next)
        if (listener_start(l) != 0)
            return ENOMEM;
    return 0;
}

static void http_server_free(struct server *base)
{
    struct http_server *server = http_server_of(base);
    stop_listeners(server);
    for (size_t i = 0; server->lanes != NULL && i < server->nlanes; i++)
        lane_close(&server->lanes[i]);
    free(server->lanes);
    routes_free(&server->routes);
    free(server);
}

static const struct server_ops http_server_ops = {
    .listen = http_server_listen,
    .start = http_server_start,
    .drain = http_server_drain,
    .free = http_server_free,
    .stats = http_server_stats,
};

static int init(struct http_server *server, struct loop *const *loops,
                const struct service *const *services, size_t nservices)
{
    server->lanes = calloc(server->nlanes, sizeof *server->lanes);
    if (server->lanes == NULL)
        return ENOMEM;
    for (size_t i = 0; i < server->nlanes; i++)
        if (!lane_init(&server->lanes[i], server, loops[i]))
            return ENOMEM;
    return routes_make(&server->routes, services, nservices);
}

int http_server_new(struct server **ret, struct loop *const *loops, size_t nloops,
                    const struct service *const *services, size_t nservices,
                    const struct server_options *options)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return ENOMEM;
    server->base.ops = &http_server_ops;
    server->options = *options;
    server->nlanes = nloops;
    server->own_budget.max = (size_t)options->connections.memory_bytes;
    if (options->budget == NULL)
        server->options.budget = &server->own_budget;
    const int rv = init(server, loops, services, nservices);
    if (rv != 0) {
        http_server_free(&server->base);
        return rv;
    }
    *ret = &server->base;
    return 0;
}
