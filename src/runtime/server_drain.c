/* Stopping.
 *
 * Calls first, connections then. gRPC's shutdown tells every client to go away
 * and pings it; once it answers and has no call, its connection is closed. If
 * that began while answers are on their way, the ping would be answered before
 * their end has arrived, and closing would lose that. So:
 *
 *   drain every lane -no call left-> shut down -all have hung up-> done
 *   drain timeout: calls are cancelled, and what is left is cut after GOODBYE_MS
 *
 * A client that is frozen, or looks at its connection only now and then, would
 * keep the server for 20 s; where there were no calls, and nothing can be lost,
 * it is cut after GOODBYE_MS as well. */
#include "log.h"
#include "server_internal.h"

/* At a stop, for clients to close their connections by themselves, where no
 * answer can be lost. */
#define GOODBYE_MS 500

static void on_goodbye_timer(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, goodbye_timer);
    if (!server->stopped)
        grpc_server_cancel_all_calls(server->grpc);
}

static void say_goodbye(struct server *server)
{
    timer_start(server->lanes[0].loop, &server->goodbye_timer, GOODBYE_MS);
}

static void shut_down(struct server *server)
{
    struct loop *first = server->lanes[0].loop;
    if (server->shutting_down)
        return;
    server->shutting_down = true;
    loop_hold(first);
    grpc_server_shutdown_and_notify(server->grpc, loop_queue(first), &server->shut_down);
}

static void on_lane_drained(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    struct server *server = lane->server;
    (void)loop;
    server->had_calls |= lane->had_calls;
    if (--server->lanes_to_drain > 0)
        return;
    if (server->stopped) {
        server->done(server, server->done_arg);
        return;
    }
    shut_down(server);
    if (!server->had_calls)
        say_goodbye(server);
}

void server_note_drained(struct lane *lane)
{
    if (!lane->draining || lane->drained || lane->open != NULL)
        return;
    lane->drained = true;
    if (loop_post(lane->server->lanes[0].loop, on_lane_drained, lane) != 0)
        log_error("out of memory while stopping");
}

static void drain_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    lane->draining = true;
    lane->had_calls = lane->open != NULL;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next) {
        struct stream *s = &sc->call.stream;
        if (sc->call.state == CALL_OPEN && s->on->on_drain != NULL)
            s->on->on_drain(s);
    }
    server_note_drained(lane);
}

static void cancel_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next)
        if (call_is_live(&sc->call) || sc->call.state == CALL_FINISHING)
            grpc_call_cancel_with_status(sc->call.grpc, GRPC_STATUS_UNAVAILABLE,
                                         "the server is stopping", NULL);
}

static void post_lanes(struct server *server, loop_fn fn)
{
    for (size_t i = 0; i < server->nlanes; i++)
        if (loop_post(server->lanes[i].loop, fn, &server->lanes[i]) != 0)
            log_error("out of memory while stopping");
}

static void on_drain_timer(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, drain_timer);
    post_lanes(server, cancel_lane);
    shut_down(server);
    say_goodbye(server);
}

static void on_shut_down(struct op *op, bool ok)
{
    struct server *server = container_of(op, struct server, shut_down);
    (void)ok;
    server->stopped = true;
    timer_stop(&server->drain_timer);
    timer_stop(&server->goodbye_timer);
    /* Events of its last calls may still lie in the queues of other loops. */
    if (server->lanes_to_drain == 0)
        server->done(server, server->done_arg);
}

void server_drain(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg)
{
    struct loop *first = server->lanes[0].loop;
    server->done = done;
    server->done_arg = arg;
    server->shut_down.done = on_shut_down;
    server->drain_timer.fired = on_drain_timer;
    server->goodbye_timer.fired = on_goodbye_timer;
    server->lanes_to_drain = server->nlanes;
    post_lanes(server, drain_lane);
    timer_start(first, &server->drain_timer, timeout_ms);
}
