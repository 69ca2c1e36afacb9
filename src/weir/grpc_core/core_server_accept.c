/* Calls are offered to gRPC, and it gives them back when a client makes one. */
#include "base/log.h"
#include "core_server_internal.h"

/* What arrives while none is offered queues inside gRPC without limit, so each
 * accept offers others first.
 *
 * A call comes to its connection's loop if one is offered there, or else to any
 * loop that offers one. Streams stay for long, and cost more where their
 * connection is not: as many are offered as are open, for they come in bursts.
 * Calls of one answer are shared by the loops: what several answer at a time on
 * one connection leaves in fewer writes (8 answers in one instead of 3, and 11 %
 * less time for a small call).
 *
 * No more than that: a core built without NDEBUG, as Debian's is, looks through
 * all that its queue waits for whenever a thing is done. */
#define OFFERED_MAX 32

static unsigned offers_wanted(const struct core_lane *lane, size_t index)
{
    const struct method *m = index == lane->server->nmethods ? &server_unknown_method
                                                             : lane->server->methods[index].method;
    const unsigned open = lane->calls[index].open;
    if ((m->requests == ONE && m->responses == ONE) || open < OFFERED_MIN)
        return OFFERED_MIN;
    return open < OFFERED_MAX ? open : OFFERED_MAX;
}

static bool offer_one(struct core_lane *lane, size_t index)
{
    struct server_call *sc = server_call_new(lane, index);
    if (sc == NULL)
        return false;
    core_server_offer(sc);
    return true;
}

#define OFFER_AGAIN_MS 100

void core_server_on_offer_timer(struct timer *timer)
{
    struct core_lane *lane = container_of(timer, struct core_lane, offer_timer);
    bool all = true;
    for (size_t index = 0; index <= lane->server->nmethods; index++)
        all &= lane->calls[index].offered > 0 || offer_one(lane, index);
    if (!all)
        timer_start(lane->loop, timer, OFFER_AGAIN_MS);
}

/* In the place of one that was accepted; and more, if more are wanted. Without
 * memory for any there is still the room of the call itself, once it has ended;
 * and perhaps there is memory before. */
static void offer_others(struct server_call *sc)
{
    struct core_lane *lane = sc->lane;
    const unsigned wanted = offers_wanted(lane, sc->index);
    unsigned have = lane->calls[sc->index].offered;
    while (have < wanted && offer_one(lane, sc->index))
        have++;
    if (have > 0)
        return;
    log_error("out of memory: this loop accepts no call of %s until there is memory again",
              sc->call.stream.method->path);
    sc->again = true;
    if (lane->state == LANE_SERVING)
        timer_start(lane->loop, &lane->offer_timer, OFFER_AGAIN_MS);
}

static void on_accept(struct op *op, bool ok)
{
    struct server_call *sc = container_of(op, struct server_call, accept);
    struct call *c = &sc->call;
    struct core_lane *lane = sc->lane;
    call_landed(c);
    lane->calls[sc->index].offered--;
    if (!ok) { /* the server shuts down */
        server_call_drop(sc);
        core_server_note_end(lane);
        return;
    }
    offer_others(sc);
    server_call_begin(sc);
}

static bool request_call(struct server_call *sc)
{
    struct core_server *server = sc->lane->server;
    struct call *c = &sc->call;
    grpc_completion_queue *queue = loop_queue(c->stream.loop);
    if (sc->index == server->nmethods)
        return grpc_server_request_call(server->grpc, &c->grpc, &sc->details, &sc->metadata, queue,
                                        queue, &sc->accept) == GRPC_CALL_OK;
    const struct core_method *m = &server->methods[sc->index];
    return grpc_server_request_registered_call(server->grpc, m->registered, &c->grpc, &sc->deadline,
                                               &sc->metadata,
                                               m->method->requests == ONE ? &sc->payload : NULL,
                                               queue, queue, &sc->accept) == GRPC_CALL_OK;
}

void core_server_offer(struct server_call *sc)
{
    struct call *c = &sc->call;
    sc->accept.done = on_accept;
    if (!request_call(sc)) { /* shut down meanwhile */
        server_call_drop(sc);
        return;
    }
    c->in_flight++;
    sc->lane->calls[sc->index].offered++;
    loop_hold(c->stream.loop);
}
