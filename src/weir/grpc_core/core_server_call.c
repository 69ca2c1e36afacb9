/* Calls: their beginning, their server's side, their end. */
#include <assert.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "core_server_internal.h"

static struct server_call *server_of(struct call *c)
{
    return (struct server_call *)c;
}

/* --- The server's side of a call ---------------------------------------------------- */

static void put_status(struct call *c, grpc_op *op)
{
    struct server_call *sc = server_of(c);
    if (c->last.code != STATUS_OK)
        server_put_details(&c->stream, &c->last);
    op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    op->data.send_status_from_server.trailing_metadata_count = c->out.trailers.n;
    op->data.send_status_from_server.trailing_metadata = c->out.trailers.items;
    op->data.send_status_from_server.status = (grpc_status_code)c->last.code;
    if (c->last.message[0] == '\0')
        return;
    sc->message = grpc_slice_from_copied_string(c->last.message);
    op->data.send_status_from_server.status_details = &sc->message;
}

static void put_end(struct server_call *sc, grpc_op *op)
{
    op->op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op->data.recv_close_on_server.cancelled = &sc->cancelled;
}

/* A call that is answered while it is accepted, as most that ask once are, has
 * its end watched by the same batch: one batch and one event less for each. */
static size_t put_last(struct call *c, grpc_op *ops)
{
    struct server_call *sc = server_of(c);
    put_status(c, &ops[0]);
    if (c->end != END_UNWATCHED)
        return 1;
    put_end(sc, &ops[1]);
    return 2;
}

static void watch_write(struct call *c)
{
    struct server_call *sc = server_of(c);
    const uint64_t timeout_ms = sc->lane->server->options.write_timeout_ms;
    if (c->out.state == CORE_OUT_ENDED && c->end == END_UNWATCHED)
        call_note_end(c, END_BY_WRITE);
    sc->write_since_ms = loop_now_ms(c->stream.loop);
    if (timeout_ms > 0 && !timer_running(&sc->write_timer))
        timer_start(c->stream.loop, &sc->write_timer, timeout_ms);
}

/* The timer is not moved at each write: when it fires it looks how old the
 * write in flight is, and waits for the rest. */
static void on_write_timer(struct timer *timer)
{
    struct server_call *sc = container_of(timer, struct server_call, write_timer);
    struct call *c = &sc->call;
    if (!call_is_writing(c))
        return;
    const uint64_t timeout_ms = sc->lane->server->options.write_timeout_ms;
    const uint64_t due_ms = sc->write_since_ms + timeout_ms;
    const uint64_t now_ms = loop_now_ms(c->stream.loop);
    if (now_ms < due_ms)
        timer_start(c->stream.loop, timer, due_ms - now_ms);
    else
        grpc_call_cancel_with_status(c->grpc, GRPC_STATUS_UNAVAILABLE,
                                     "the client did not read for too long", NULL);
}

/* The core itself ends a call at its client's deadline: what it waits for is
 * given up in on_close. A client that names none may be gone without a word, or
 * wait for ever; so a call that answers one question by one answer gets a
 * limit. Streams are as long as they need to be. */
static bool needs_limit(const struct server_call *sc)
{
    const struct method *m = sc->call.stream.method;
    return sc->lane->server->options.max_call_ms > 0 && m->requests == ONE && m->responses == ONE &&
           gpr_time_cmp(sc->deadline, gpr_inf_future(sc->deadline.clock_type)) == 0;
}

static void on_limit_timer(struct timer *timer)
{
    struct server_call *sc = container_of(timer, struct server_call, limit_timer);
    stream_fail_because(&sc->call.stream, STATUS_DEADLINE_EXCEEDED, "SERVER_TIME_LIMIT",
                        "the call took %llu ms, which is the limit for a call without a deadline",
                        (unsigned long long)sc->lane->server->options.max_call_ms);
}

static void limit_call(struct server_call *sc)
{
    if (needs_limit(sc))
        timer_start(sc->call.stream.loop, &sc->limit_timer, sc->lane->server->options.max_call_ms);
}

static void close_if_over(struct call *c)
{
    if (c->end != END_CAME || c->life == CALL_OVER)
        return;
    if (server_of(c)->cancelled || c->out.state == CORE_OUT_FAILED) {
        if (c->life == CALL_ENTERING)
            c->stream.on = &server_nobody;
        const struct status gone = status_of(STATUS_CANCELLED, "the client is gone");
        call_close(c, &gone);
    } else if (c->out.state == CORE_OUT_ENDED && !call_is_writing(c)) {
        call_close(c, &c->last);
    }
}

static void server_write_done(struct call *c)
{
    if (c->end == END_BY_WRITE)
        call_note_end(c, END_CAME);
    close_if_over(c);
}

static void unlink_open(struct server_call *sc)
{
    if (sc->link == NULL)
        return;
    *sc->link = sc->next;
    if (sc->next != NULL)
        sc->next->link = sc->link;
    sc->lane->calls[sc->index].open--;
    core_server_note_end(sc->lane);
}

static void prepare(struct server_call *sc, struct core_lane *lane, size_t index);

static void server_call_free(struct call *c)
{
    struct server_call *sc = server_of(c);
    struct core_lane *lane = sc->lane; /* once it has drained it may be gone */
    const bool again = sc->again && lane->state == LANE_SERVING;
    timer_stop(&sc->write_timer);
    timer_stop(&sc->limit_timer);
    unlink_open(sc);
    grpc_metadata_array_destroy(&sc->metadata);
    grpc_call_details_destroy(&sc->details);
    grpc_byte_buffer_destroy(sc->payload);
    grpc_slice_unref(sc->message);
    gpr_free(sc->path);
    call_done(c);
    if (!again) {
        free(sc);
        return;
    }
    const size_t index = sc->index;
    call_reset(sc, sizeof *sc, lane->server->options.chain);
    prepare(sc, lane, index);
    core_server_offer(sc);
}

void server_call_drop(struct server_call *sc)
{
    call_move(&sc->call, CALL_DEAD);
    server_call_free(&sc->call);
}

static void server_reject(struct call *c, const struct status *why)
{
    if (c->life != CALL_OPEN && c->life != CALL_FINISHING)
        return;
    call_drop_queue(c);
    c->stream.finished = true;
    c->last = *why;
    call_end_out(c);
    if (c->life == CALL_OPEN)
        call_move(c, CALL_FINISHING);
}

static void server_refuse(struct call *c, const struct status *why)
{
    c->stream.on = &server_nobody;
    call_move(c, CALL_OPEN);
    stream_finish(&c->stream, why);
}

static const grpc_metadata_array *server_received(struct call *c, enum metadata_place place)
{
    return place == METADATA_HEADERS ? &server_of(c)->metadata : NULL;
}

static void server_admit(struct call *c);

static void server_finish(struct call *c, const struct status *status)
{
    if (c->life != CALL_OPEN)
        return;
    c->stream.finished = true;
    c->last = *status;
    call_end_out(c);
    call_move(c, CALL_FINISHING);
    call_write(c);
}

static const struct call_side server_side = {
    .put_last = put_last,
    .reject = server_reject,
    .finish = server_finish,
    .admit = server_admit,
    .refuse = server_refuse,
    .status_passed = call_write_status,
    .received = server_received,
    .write_started = watch_write,
    .write_done = server_write_done,
    .free = server_call_free,
};

static void on_over(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, over);
    (void)ok; /* always */
    call_note_end(c, END_CAME);
    call_landed(c);
    close_if_over(c);
    call_reap(c);
}

/* --- The beginning ------------------------------------------------------------------ */

static void link_open(struct server_call *sc)
{
    struct core_lane *lane = sc->lane;
    sc->next = lane->open;
    sc->link = &lane->open;
    if (sc->next != NULL)
        sc->next->link = &sc->next;
    lane->open = sc;
    lane->calls[sc->index].open++;
}

static void watch_end(struct server_call *sc)
{
    struct call *c = &sc->call;
    grpc_op op = { 0 };
    if (c->end != END_UNWATCHED)
        return;
    call_note_end(c, END_WATCHED);
    put_end(sc, &op);
    const bool started = call_batch(c, &op, 1, &c->over);
    assert(started); /* the only one of its kind */
    (void)started;
}

/* The request of a one-request method came with the call, or not at all: a
 * half-close without a message, or a frame that the core threw away. */
static void deliver_payload(struct server_call *sc)
{
    struct stream *s = &sc->call.stream;
    grpc_byte_buffer *payload = sc->payload;
    sc->payload = NULL;
    if (s->method->requests == MANY || sc->call.life != CALL_OPEN)
        grpc_byte_buffer_destroy(payload);
    else if (payload == NULL)
        stream_fail_because(s, STATUS_INVALID_ARGUMENT, "NO_REQUEST_MESSAGE",
                            "%s: the call has no request message", s->method->path);
    else
        call_deliver(&sc->call, payload);
}

/* The handler's turn. */
static void server_admit(struct call *c)
{
    struct server_call *sc = server_of(c);
    call_move(c, CALL_OPEN);
    if (!call_open(c)) {
        c->stream.on = &server_nobody;
        stream_fail_memory(&c->stream);
        return;
    }
    if (sc->lane->state != LANE_SERVING)
        c->stream.on = &server_late;
    limit_call(sc);
    stream_deliver_open(&c->stream);
    deliver_payload(sc);
}

/* A call that comes while the server drains may find the loops gone that its
 * interceptors would ask. */
static void enter(struct server_call *sc)
{
    if (sc->lane->state == LANE_SERVING) {
        call_enter(&sc->call);
        return;
    }
    const struct status stopping = status_stopping();
    server_refuse(&sc->call, &stopping);
}

void server_call_begin(struct server_call *sc)
{
    struct call *c = &sc->call;
    if (c->stream.method == &server_unknown_method)
        sc->path = grpc_slice_to_c_string(sc->details.method);
    c->stream.path = sc->path != NULL ? sc->path : c->stream.method->path;
    call_move(c, CALL_ENTERING);
    link_open(sc);
    enter(sc);
    watch_end(sc); /* nothing has come back yet: the call is still there */
}

/* What was zeroed becomes a call of the method with this index. */
static void prepare(struct server_call *sc, struct core_lane *lane, size_t index)
{
    const struct core_server *server = lane->server;
    struct call *c = &sc->call;
    call_init(c, lane->loop, &server_side, sizeof *sc, server->options.chain);
    c->in.max_bytes = (size_t)server->options.max_request_bytes;
    c->interception.server = true;
    c->stream.method =
        index == server->nmethods ? &server_unknown_method : server->methods[index].method;
    c->stream.on = c->stream.method->handler;
    c->over.done = on_over;
    sc->lane = lane;
    sc->index = index;
    sc->message = grpc_empty_slice();
    sc->write_timer.fired = on_write_timer;
    sc->limit_timer.fired = on_limit_timer;
    grpc_metadata_array_init(&sc->metadata);
    grpc_call_details_init(&sc->details);
}

struct server_call *server_call_new(struct core_lane *lane, size_t index)
{
    struct server_call *sc = call_alloc(sizeof *sc, lane->server->options.chain);
    if (sc != NULL)
        prepare(sc, lane, index);
    return sc;
}
