/* Stopping.
 *
 * Calls first, connections then. gRPC's shutdown tells every client to go away
 * and pings it; once it answers and has no call, its connection is closed. If
 * that began while answers are on their way, the ping would be answered before
 * their end has arrived, and closing would lose that. So:
 *
 *   drain every lane -no call left-> shut down -all have hung up, and every lane
 *   has back what it offered-> done
 *   drain timeout: calls are cancelled, and what is left is cut after GOODBYE_MS
 *
 * A client that is frozen, or looks at its connection only now and then, would
 * keep the server for 20 s; where there were no calls, and nothing can be lost,
 * it is cut after GOODBYE_MS as well. */
#include <assert.h>

#include "core_server_internal.h"

/* At a stop, for clients to close their connections by themselves, where no
 * answer can be lost. */
#define GOODBYE_MS 500

/* The only writers of the states, in which nothing goes back and nothing is left out. */
static void lane_move(struct core_lane *lane, enum lane_state next)
{
    assert(next == lane->state + 1);
    lane->state = next;
}

static void server_move(struct core_server *server, enum server_state next)
{
    assert(next == server->state + 1);
    server->state = next;
}

static void on_goodbye_timer(struct timer *timer)
{
    struct core_server *server = container_of(timer, struct core_server, goodbye_timer);
    if (server->state != SERVER_SHUT_DOWN)
        grpc_server_cancel_all_calls(server->grpc);
}

static void say_goodbye(struct core_server *server)
{
    timer_start(server->lanes[0].loop, &server->goodbye_timer, GOODBYE_MS);
}

static void shut_down(struct core_server *server)
{
    struct loop *first = server->lanes[0].loop;
    if (server->state != SERVER_OPEN)
        return;
    server_move(server, SERVER_SHUTTING_DOWN);
    loop_hold(first);
    grpc_server_shutdown_and_notify(server->grpc, loop_queue(first), &server->shut_down);
}

static void on_lane_drained(struct loop *loop, void *arg)
{
    struct core_lane *lane = arg;
    struct core_server *server = lane->server;
    (void)loop;
    server->had_calls |= lane->had_calls;
    if (--server->lanes_to_drain > 0 || server->state != SERVER_OPEN)
        return;
    shut_down(server);
    if (!server->had_calls)
        say_goodbye(server);
}

/* Nothing of the server is left on any loop: it may be freed. */
static void finish_if_gone(struct core_server *server)
{
    if (server->state == SERVER_SHUT_DOWN && server->lanes_to_go == 0 &&
        server->lanes_to_cancel == 0)
        server->done(&server->base, server->done_arg);
}

static void on_lane_gone(struct loop *loop, void *arg)
{
    struct core_lane *lane = arg;
    (void)loop;
    lane->server->lanes_to_go--;
    finish_if_gone(lane->server);
}

static bool any_offered(const struct core_lane *lane)
{
    for (size_t index = 0; index <= lane->server->nmethods; index++)
        if (lane->calls[index].offered > 0)
            return true;
    return false;
}

void core_server_note_end(struct core_lane *lane)
{
    struct loop *first = lane->server->lanes[0].loop;
    if (lane->state == LANE_SERVING || lane->open != NULL)
        return;
    if (lane->state == LANE_DRAINING) {
        lane_move(lane, LANE_DRAINED);
        loop_post_with(first, &lane->has_drained, on_lane_drained, lane);
    }
    if (lane->state == LANE_DRAINED && !any_offered(lane)) {
        lane_move(lane, LANE_GONE);
        loop_post_with(first, &lane->is_gone, on_lane_gone, lane);
    }
}

static void drain_lane(struct loop *loop, void *arg)
{
    struct core_lane *lane = arg;
    (void)loop;
    lane_move(lane, LANE_DRAINING);
    timer_stop(&lane->offer_timer);
    lane->had_calls = lane->open != NULL;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next) {
        struct stream *s = &sc->call.stream;
        if (sc->call.life == CALL_OPEN && s->on->on_drain != NULL)
            s->on->on_drain(s);
    }
    core_server_note_end(lane);
}

static void on_lane_cancelled(struct loop *loop, void *arg)
{
    struct core_lane *lane = arg;
    (void)loop;
    lane->server->lanes_to_cancel--;
    finish_if_gone(lane->server);
}

static void cancel_lane(struct loop *loop, void *arg)
{
    struct core_lane *lane = arg;
    (void)loop;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next)
        if (call_is_live(&sc->call) || sc->call.life == CALL_FINISHING)
            grpc_call_cancel_with_status(sc->call.grpc, GRPC_STATUS_UNAVAILABLE,
                                         "the server is stopping", NULL);
    loop_post_with(lane->server->lanes[0].loop, &lane->to_cancel, on_lane_cancelled, lane);
}

static void on_drain_timer(struct timer *timer)
{
    struct core_server *server = container_of(timer, struct core_server, drain_timer);
    server->lanes_to_cancel = server->nlanes;
    for (size_t i = 0; i < server->nlanes; i++) {
        struct core_lane *lane = &server->lanes[i];
        loop_post_with(lane->loop, &lane->to_cancel, cancel_lane, lane);
    }
    shut_down(server);
    say_goodbye(server);
}

static void on_shut_down(struct op *op, bool ok)
{
    struct core_server *server = container_of(op, struct core_server, shut_down);
    (void)ok;
    server_move(server, SERVER_SHUT_DOWN);
    timer_stop(&server->drain_timer);
    timer_stop(&server->goodbye_timer);
    finish_if_gone(server); /* events may still lie in the queues of other loops */
}

void core_server_drain(struct server *base, uint64_t timeout_ms,
                       void (*done)(struct server *server, void *arg), void *arg)
{
    struct core_server *server = core_server_of(base);
    struct loop *first = server->lanes[0].loop;
    server->done = done;
    server->done_arg = arg;
    server->shut_down.done = on_shut_down;
    server->drain_timer.fired = on_drain_timer;
    server->goodbye_timer.fired = on_goodbye_timer;
    server->lanes_to_drain = server->lanes_to_go = server->nlanes;
    for (size_t i = 0; i < server->nlanes; i++) {
        struct core_lane *lane = &server->lanes[i];
        loop_post_with(lane->loop, &lane->to_drain, drain_lane, lane);
    }
    timer_start(first, &server->drain_timer, timeout_ms);
}
