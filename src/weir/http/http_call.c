#include "http_call.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/states.h"
#include "lane.h"
#include "weir/identity.h"

/* What one message may take decoded; see stream_deliver(). */
#define DECODED_MAX_BYTES ((size_t)32 << 20)

static const struct state_row lives[] = {
    [LIFE_HEADERS] = { "HEADERS", STATE(LIFE_REQUEST) | STATE(LIFE_ENTERING) |
                                      STATE(LIFE_FINISHING) | STATE(LIFE_OVER) },
    [LIFE_REQUEST] = { "REQUEST", STATE(LIFE_ENTERING) | STATE(LIFE_OVER) },
    [LIFE_ENTERING] = { "ENTERING", STATE(LIFE_OPEN) | STATE(LIFE_OVER) },
    [LIFE_OPEN] = { "OPEN", STATE(LIFE_FINISHING) | STATE(LIFE_OVER) },
    [LIFE_FINISHING] = { "FINISHING", STATE(LIFE_OVER) },
    [LIFE_OVER] = { "OVER", 0 },
};

void http_call_move(struct http_call *c, enum call_life next)
{
    c->life = state_step_logged(lives, c->life, next, "call %p", (void *)c);
}

/* --- What every call gets ----------------------------------------------------------- */

static void finish(struct stream *s, const struct status *status)
{
    struct http_call *c = http_call_of(s);
    if (c->life != LIFE_OPEN)
        return;
    s->finished = true;
    c->last = *status;
    http_call_move(c, LIFE_FINISHING);
    call_in_shut(c);
    call_out_finish(c);
}

static struct bytes get(struct stream *s, enum metadata_place place, const char *name)
{
    struct http_call *c = http_call_of(s);
    return place == METADATA_HEADERS ? received_headers_get(&c->in.headers, name)
                                     : bytes_of(NULL, 0);
}

static void peer(struct stream *s, char *to, size_t room)
{
    snprintf(to, room, "%s", http_call_of(s)->conn->peer);
}

static void resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                   const struct status *why);

static const struct stream_ops ops = {
    .read = call_in_read,
    .send = call_out_send,
    .send_run = call_out_send_run,
    .finish = finish,
    .resume = resume,
    .get = get,
    .put = call_out_put,
    .peer = peer,
};

/* --- Entering ----------------------------------------------------------------------- */

/* Without the handler: it never heard of the call. */
static void refuse(struct http_call *c, const struct status *why)
{
    c->stream.on = &server_nobody;
    if (c->life == LIFE_REQUEST)
        http_call_move(c, LIFE_ENTERING);
    http_call_move(c, LIFE_OPEN);
    finish(&c->stream, why);
}

static void admit(struct http_call *c)
{
    http_call_move(c, LIFE_OPEN);
    c->stream.arena = arena_new(DECODED_MAX_BYTES);
    if (c->stream.arena == NULL) {
        c->stream.on = &server_nobody;
        stream_fail_memory(&c->stream);
        return;
    }
    if (lane_stops(c->conn->lane))
        c->stream.on = &server_late;
    stream_deliver_open(&c->stream);
    if (c->stream.method->requests == ONE)
        call_in_first(c);
}

static void enter(struct http_call *c)
{
    struct status why;
    switch (
        interception_run(&c->interception, &c->stream, INTERCEPT_CALL, bytes_of(NULL, 0), &why)) {
    case INTERCEPT_PASS:
        why = c->last;
        if (c->wrong)
            refuse(c, &why);
        else
            admit(c);
        break;
    case INTERCEPT_REJECT:
        refuse(c, &why);
        break;
    case INTERCEPT_LATER:
        call_in_settle(c);
        break;
    }
}

void http_call_enter(struct http_call *c)
{
    if (!c->has_timeout && c->stream.method->responses == MANY)
        timer_stop(&c->deadline); /* that was for its request to come */
    http_call_move(c, LIFE_ENTERING);
    if (lane_stops(c->conn->lane)) {
        /* The loops that its interceptors would ask may be gone. */
        const struct status stopping = status_stopping();
        refuse(c, &stopping);
        return;
    }
    enter(c);
}

static void resume_call(struct http_call *c, enum intercept verdict, const struct status *why)
{
    if (c->life != LIFE_ENTERING)
        return;
    if (verdict == INTERCEPT_REJECT)
        refuse(c, why);
    else
        enter(c);
}

static void resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                   const struct status *why)
{
    struct http_call *c = http_call_of(s);
    assert(c->interception.held[stage] && c->life != LIFE_OVER);
    c->interception.held[stage] = false;
    if (stage == INTERCEPT_CALL)
        resume_call(c, verdict, why);
    else if (stage == INTERCEPT_IN)
        call_in_resume(c, verdict, why);
    else
        call_out_resume(c, stage, verdict, why);
    conn_wants_flush(c->conn);
}

/* Its status is known before anybody looks at it: it is a call all the same, for
 * the interceptors. */
void http_call_enter_wrong(struct http_call *c, const struct status *why)
{
    c->wrong = true;
    c->last = *why;
    http_call_enter(c);
}

/* --- The end ------------------------------------------------------------------------ */

/* Whether it may still be ended by something else; one without a handler is. */
static bool may_fail(struct http_call *c, const struct status *why)
{
    if (c->life == LIFE_REQUEST)
        http_call_enter_wrong(c, why);
    else if (c->life == LIFE_ENTERING)
        refuse(c, why);
    else
        return (c->life == LIFE_OPEN || c->life == LIFE_FINISHING) && !call_out_is_over(c);
    return false;
}

static void set_last(struct http_call *c, const struct status *why)
{
    c->stream.finished = true;
    c->last = *why;
    if (c->life == LIFE_OPEN)
        http_call_move(c, LIFE_FINISHING);
    call_in_shut(c);
}

void http_call_end(struct http_call *c, const struct status *why)
{
    set_last(c, why);
    call_out_finish(c);
}

void http_call_fail(struct http_call *c, const struct status *why)
{
    if (!may_fail(c, why) || c->out.state == OUT_ENDING || c->out.sized)
        return;
    call_out_truncate(c);
    http_call_end(c, why);
}

/* gRPC takes each code of a reset for one of its own (PROTOCOL-HTTP2.md,
 * "Errors"). REFUSED_STREAM is the one for UNAVAILABLE, but before headers it says that
 * nobody has looked at the call. */
static uint32_t reset_code(const struct http_call *c, enum status_code code)
{
    if (!c->out.started)
        return NGHTTP2_CANCEL;
    switch (code) {
    case STATUS_UNAVAILABLE:
        return NGHTTP2_REFUSED_STREAM;
    case STATUS_RESOURCE_EXHAUSTED:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    default:
        return NGHTTP2_CANCEL;
    }
}

/* Nothing leaves while the socket is full, and nghttp2 closes a stream when its reset
 * has left: its handler need not wait for that. */
static void let_go(struct http_call *c)
{
    c->conn->ops->forget(c);
    http_call_over(c);
}

void http_call_cut(struct http_call *c, const struct status *why)
{
    if (!may_fail(c, why))
        return;
    const bool between = call_out_drop(c);
    set_last(c, why);
    if (between) {
        call_out_finish(c);
        return;
    }
    call_out_reset(c, reset_code(c, why->code));
    if (c->conn->rest != NULL && !c->conn->parsing)
        let_go(c);
}

static void on_deadline(struct timer *timer)
{
    struct http_call *c = container_of(timer, struct http_call, deadline);
    struct status why = status_of(STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
    if (call_out_is_over(c)) {
        c->conn->ops->reset(c, NGHTTP2_NO_ERROR);
        conn_wants_flush(c->conn);
        return;
    }
    if (!c->has_timeout) {
        why = status_of(STATUS_DEADLINE_EXCEEDED,
                        "the call took %llu ms, which is the limit for a call without a deadline",
                        (unsigned long long)c->conn->lane->server->options.max_call_ms);
        status_because(&why, "SERVER_TIME_LIMIT");
    }
    http_call_cut(c, &why);
}

void http_call_linger(struct http_call *c, uint64_t ms)
{
    timer_start(c->stream.loop, &c->deadline, ms);
}

void http_call_drain(struct http_call *c)
{
    if (c->life == LIFE_OPEN && c->stream.on->on_drain != NULL)
        c->stream.on->on_drain(&c->stream);
}

static void free_call(struct http_call *c)
{
    timer_stop(&c->deadline);
    task_cancel(&c->turn);
    ring_remove(&c->link);
    call_in_close(c);
    call_out_close(c);
    call_forget_protocol(c);
    http_call_note_end(c);
    identity_unref(c->stream.identity);
    arena_free(c->stream.arena);
    spares_give(&c->conn->lane->spare_calls, c);
}

/* What the handler and the interceptors hear. A status that went out is what
 * ended the call, whatever came afterwards. */
static struct status end_of(const struct http_call *c)
{
    if (c->life == LIFE_FINISHING && call_out_is_over(c))
        return c->last;
    return status_of(STATUS_CANCELLED, "the client is gone");
}

static void count_end(struct http_call *c, enum status_code code)
{
    struct conn_stats *stats = &c->conn->lane->stats;
    if (c->out.state != OUT_ENDED)
        counter_add(&stats->streams_reset, 1);
    else if (code == STATUS_OK)
        counter_add(&stats->streams_ok, 1);
}

static void tell_end(struct http_call *c)
{
    const struct status status = end_of(c);
    const bool had_handler = c->life == LIFE_OPEN || c->life == LIFE_FINISHING;
    http_call_move(c, LIFE_OVER);
    if (had_handler)
        stream_deliver_close(&c->stream, &status);
    c->stream.ended_ns = clock_ns();
    interception_close(&c->interception, &c->stream, &status);
    count_end(c, status.code);
}

void http_call_over(struct http_call *c)
{
    struct conn *conn = c->conn;
    tell_end(c);
    if (conn->borrower == c)
        conn->borrower = NULL;
    free_call(c);
    conn_call_ended(conn);
}

/* --- Making one --------------------------------------------------------------------- */

static size_t padded(size_t size)
{
    const size_t align = alignof(max_align_t);
    return (size + align - 1) / align * align;
}

static void on_turn(struct task *task)
{
    call_in_pump(container_of(task, struct http_call, turn));
}

struct http_call *http_call_new(struct conn *conn, int32_t id)
{
    const struct chain *chain = conn->lane->server->options.chain;
    const size_t room = padded(sizeof(struct http_call));
    struct http_call *c =
        spares_take(&conn->lane->spare_calls, room + (chain != NULL ? chain->state_bytes : 0));
    if (c == NULL)
        return NULL;
    c->conn = conn;
    c->id = id;
    c->stream.ops = &ops;
    c->stream.loop = conn->lane->loop;
    c->interception.chain = chain;
    c->interception.server = true;
    c->interception.state = (unsigned char *)c + room;
    c->deadline.fired = on_deadline;
    c->turn.run = on_turn;
    ring_init(&c->out.link);
    ring_append(&conn->calls, &c->link);
    conn_call_began(conn);
    http_call_note(c);
    return c;
}
