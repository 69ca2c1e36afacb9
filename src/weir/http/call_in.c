/* What comes in on a call: bytes into messages, messages to the handler. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/inflate.h"
#include "base/states.h"
#include "http_call.h"
#include "lane.h"

static const struct bytes nothing;

static const struct state_row states[] = {
    [IN_OPEN] = { .next = STATE(IN_ENDED) | STATE(IN_SHUT) },
    [IN_ENDED] = { .next = STATE(IN_SHUT) },
    [IN_SHUT] = { .next = 0 },
};

void call_in_move(struct http_call *c, enum in_state next)
{
    c->in.state = state_step(states, c->in.state, next);
}

/* What was given back too early is paid first. */
static void consume(struct http_call *c, size_t bytes)
{
    const size_t debt = c->in.debt;
    c->in.debt = bytes < debt ? debt - bytes : 0;
    if (bytes > debt)
        c->conn->ops->consume(c, bytes - debt);
}

static size_t max_bytes(const struct http_call *c)
{
    return (size_t)c->conn->lane->server->options.max_request_bytes;
}

static void drop_message(struct http_call *c)
{
    buf_unref(c->in.message.own);
    c->in.message = (struct incoming){ 0 };
    if (c->conn->borrower == c)
        c->conn->borrower = NULL;
}

static bool has_message(const struct http_call *c)
{
    return c->in.message.bytes.data != NULL;
}

/* The client breaks the protocol. gRPC calls that INTERNAL; where the body itself is the
 * message, it is what the client has put into it. */
static void fail(struct http_call *c, const char *text)
{
    const bool enveloped = c->in.framing == FRAMES_GRPC;
    struct status why =
        status_of(enveloped ? STATUS_INTERNAL : STATUS_INVALID_ARGUMENT, "%s", text);
    status_because(&why, REASON_PROTOCOL_VIOLATION);
    http_call_fail(c, &why);
}

static void fail_too_large(struct http_call *c, const char *what)
{
    struct status why = status_of(STATUS_RESOURCE_EXHAUSTED, "%s %zu bytes", what, max_bytes(c));
    status_because(&why, REASON_MESSAGE_TOO_LARGE);
    http_call_fail(c, &why);
}

static void fail_memory(struct http_call *c)
{
    const struct status why = status_no_memory();
    http_call_fail(c, &why);
}

/* --- A message ---------------------------------------------------------------------- */

/* The message becomes what was packed in it. */
static bool unpack(struct http_call *c)
{
    struct buf *plain;
    switch (inflate_message(c->in.message.bytes, max_bytes(c), &plain)) {
    case INFLATE_OK:
        drop_message(c);
        c->in.message = (struct incoming){ .bytes = buf_bytes(plain), .own = plain };
        return true;
    case INFLATE_DAMAGED:
        fail(c, "a compressed message is damaged");
        return false;
    case INFLATE_TOO_LARGE:
        fail_too_large(c, "a compressed message has, when unpacked, more than");
        return false;
    default:
        fail_memory(c);
        return false;
    }
}

/* The message becomes protobuf. */
static bool decode(struct http_call *c)
{
    struct status why = status_ok();
    struct buf *plain = NULL;
    const bool decoded =
        c->dialect->decode(&c->spoken, c->in.message.bytes, max_bytes(c), &plain, &why);
    drop_message(c);
    if (!decoded) {
        http_call_fail(c, &why);
        return false;
    }
    c->in.message = (struct incoming){ .bytes = buf_bytes(plain), .own = plain };
    return true;
}

/* The handler may ask for the next one meanwhile. */
static void deliver(struct http_call *c)
{
    const struct incoming message = c->in.message;
    c->in.message = (struct incoming){ 0 };
    if (c->conn->borrower == c)
        c->conn->borrower = NULL;
    stream_deliver(&c->stream, message.bytes);
    buf_unref(message.own);
}

static void pass(struct http_call *c)
{
    struct status why;
    switch (
        interception_run(&c->interception, &c->stream, INTERCEPT_IN, c->in.message.bytes, &why)) {
    case INTERCEPT_PASS:
        deliver(c);
        break;
    case INTERCEPT_REJECT:
        drop_message(c);
        http_call_fail(c, &why);
        break;
    case INTERCEPT_LATER:
        break;
    }
}

/* What was borrowed must be copied before the input is read into again. */
static void take(struct http_call *c)
{
    c->in.wanted = false;
    c->stream.compressed = c->in.message.compressed;
    if (c->in.message.compressed && !unpack(c))
        return;
    if (c->dialect != NULL && c->dialect->decode != NULL && !decode(c))
        return;
    traffic_count(&c->stream.in, 1, c->in.message.bytes.len);
    pass(c);
}

void call_in_first(struct http_call *c)
{
    if (c->life != LIFE_OPEN || !has_message(c)) {
        drop_message(c);
        return;
    }
    c->in.pumping = true; /* its bytes may lie in the deframer */
    take(c);
    c->in.pumping = false;
    if (has_message(c))
        call_in_settle(c);
}

void call_in_resume(struct http_call *c, enum intercept verdict, const struct status *why)
{
    if (!http_call_is_open(c)) {
        drop_message(c);
    } else if (verdict == INTERCEPT_REJECT) {
        drop_message(c);
        http_call_fail(c, why);
    } else {
        pass(c);
        if (http_call_is_open(c))
            task_defer(c->stream.loop, &c->turn);
    }
}

/* --- Bytes -------------------------------------------------------------------------- */

static void fail_frame(struct http_call *c, enum deframe result)
{
    if (result == DEFRAME_NOMEM) {
        fail_memory(c);
    } else if (result == DEFRAME_BAD_FLAG) {
        fail(c, "the head of a message says neither that it is compressed nor that it is not");
    } else {
        fail_too_large(c, "a message has more than");
    }
}

static bool gathers(const struct http_call *c)
{
    return c->in.framing != FRAMES_GRPC;
}

/* Nothing is half there. */
static bool is_between(const struct http_call *c)
{
    return gathers(c) ? gather_is_between(&c->in.gather) : deframer_is_between(&c->in.frames);
}

/* As deframer_next(). A body that was packed as a whole is one compressed message. */
static enum deframe take_out(struct http_call *c, struct bytes *input)
{
    struct incoming *m = &c->in.message;
    const bool ended = c->in.state == IN_ENDED;
    if (!gathers(c))
        return deframer_next(&c->in.frames, input, max_bytes(c), &m->bytes, &m->compressed);
    m->compressed = c->in.encoding != ENCODING_IDENTITY;
    return (c->in.framing == FRAMES_WHOLE ? gather_whole : gather_line)(&c->in.gather, input, ended,
                                                                        max_bytes(c), &m->bytes);
}

/* The next whole message of @input, if there is one. */
static bool next_message(struct http_call *c, struct bytes *input)
{
    struct incoming *m = &c->in.message;
    const enum deframe result = take_out(c, input);
    if (result == DEFRAME_MORE) {
        m->bytes = nothing;
        return false;
    }
    if (result != DEFRAME_MESSAGE) {
        m->bytes = nothing;
        fail_frame(c, result);
        return false;
    }
    if (m->compressed && c->in.encoding == ENCODING_IDENTITY) {
        m->bytes = nothing;
        fail(c, "a message is compressed, and no header says how");
        return false;
    }
    if (m->bytes.data == NULL) /* an empty one */
        m->bytes = bytes_of("", 0);
    return true;
}

/* A method of one request has it whole only once the client's end came behind. */
static void take_only(struct http_call *c, struct bytes *input)
{
    if (!has_message(c) && next_message(c, input)) {
        c->in.wanted = false;
        c->conn->borrower = c;
    }
    if (has_message(c) && input->len > 0)
        fail(c, "the method takes one request, and more came");
}

static bool may_take(const struct http_call *c)
{
    return c->in.wanted && c->in.state != IN_SHUT && http_call_is_open(c) && !has_message(c);
}

/* Hands on what was asked for. */
static void pump(struct http_call *c, struct bytes *input)
{
    c->in.pumping = true;
    while (may_take(c) && next_message(c, input)) {
        take(c);
        if (has_message(c)) /* held */
            call_in_settle(c);
    }
    c->in.pumping = false;
}

/* Nobody asked for it yet. */
static bool keep(struct http_call *c, struct bytes rest)
{
    struct call_in *in = &c->in;
    if (in->kept == NULL)
        in->kept = buf_new(rest.len < 512 ? 512 : rest.len);
    if (in->kept == NULL)
        return false;
    if (in->kept_from > 0 && in->kept_from * 2 >= in->kept->len) {
        in->kept->len -= in->kept_from;
        memmove(in->kept->data, in->kept->data + in->kept_from, in->kept->len);
        in->kept_from = 0;
    }
    return buf_append(in->kept, rest);
}

static bool has_kept(const struct http_call *c)
{
    return c->in.kept != NULL;
}

static void drop_kept(struct http_call *c)
{
    buf_unref(c->in.kept);
    c->in.kept = NULL;
    c->in.kept_from = 0;
}

size_t call_in_held(const struct http_call *c)
{
    const size_t kept = has_kept(c) ? c->in.kept->cap : 0;
    const size_t message = c->in.message.own != NULL ? c->in.message.own->cap : 0;
    return c->in.headers.block_bytes + kept + message + deframer_bytes(&c->in.frames) +
           gather_bytes(&c->in.gather);
}

static void take_data(struct http_call *c, struct bytes data)
{
    struct bytes rest = data;
    if (c->in.state != IN_OPEN) {
        consume(c, data.len);
        return;
    }
    if (c->life == LIFE_REQUEST)
        take_only(c, &rest);
    else if (!has_kept(c))
        pump(c, &rest);
    if (c->in.state == IN_SHUT) {
        consume(c, data.len);
        return;
    }
    c->in.window = c->in.window > 0 ? c->in.window : BDP_WINDOW_MIN;
    consume(c, data.len - rest.len);
    if (rest.len > 0 && !keep(c, rest))
        fail_memory(c);
    else
        call_in_widen(c);
}

void call_in_widen(struct http_call *c)
{
    const struct conn *conn = c->conn;
    const bool keeps_up = c->in.window > 0 && c->in.state == IN_OPEN && !has_kept(c);
    if (!keeps_up || conn->bdp.window <= c->in.window)
        return;
    c->in.window = conn->bdp.window;
    conn->ops->widen(c, c->in.window);
}

/* What is left of it without its coat is what is kept; the rest the client may send again
 * at once. A piece that completes what came before may be more without its coat: then that
 * was given back too early. */
static void consume_coat(struct http_call *c, size_t wrapped, size_t bare)
{
    if (wrapped >= bare)
        consume(c, wrapped - bare);
    else
        c->in.debt += bare - wrapped;
}

static void take_wrapped(struct http_call *c, struct bytes data)
{
    struct status why = status_no_memory();
    struct buf *bare = buf_new(data.len);
    if (bare == NULL || !c->dialect->unwrap(&c->spoken, data, bare, &why)) {
        http_call_fail(c, &why);
        consume(c, data.len);
    } else {
        consume_coat(c, data.len, bare->len);
        take_data(c, buf_bytes(bare));
    }
    if (c->conn->borrower == c)
        call_in_settle(c);
    buf_unref(bare);
}

void call_in_data(struct http_call *c, struct bytes data)
{
    if (c->dialect != NULL && c->dialect->unwrap != NULL && c->in.state == IN_OPEN)
        take_wrapped(c, data);
    else
        take_data(c, data);
    http_call_note(c);
}

/* --- The end ------------------------------------------------------------------------ */

static void end_request(struct http_call *c)
{
    struct bytes none = bytes_of("", 0);
    if (gathers(c))
        take_only(c, &none);
    if (c->life != LIFE_REQUEST)
        return; /* it was too large */
    if (has_message(c)) {
        http_call_enter(c);
        return;
    }
    if (!is_between(c)) {
        fail(c, "the requests end in the middle of a message");
        return;
    }
    struct status why = status_of(STATUS_INVALID_ARGUMENT, "%s: the call has no request message",
                                  c->stream.method->path);
    status_because(&why, "NO_REQUEST_MESSAGE");
    http_call_fail(c, &why);
}

/* Everything was handed on, and the handler asks for more. */
static void tell_end(struct http_call *c)
{
    struct bytes none = bytes_of("", 0);
    if (c->in.state == IN_ENDED && !has_kept(c) && gathers(c))
        pump(c, &none); /* the last one ends with the body */
    if (c->in.state != IN_ENDED || has_kept(c) || !may_take(c))
        return;
    if (!is_between(c)) {
        fail(c, "the requests end in the middle of a message");
        return;
    }
    c->in.wanted = false;
    stream_deliver_end(&c->stream);
}

/* false: the body ends in the midst of its coat, and the call has failed. */
static bool check_coat(struct http_call *c)
{
    struct status why = status_ok();
    if (c->dialect == NULL || c->dialect->unwrap_end == NULL ||
        c->dialect->unwrap_end(&c->spoken, &why))
        return true;
    http_call_fail(c, &why);
    return false;
}

void call_in_end(struct http_call *c)
{
    if (c->in.state == IN_OPEN) {
        call_in_move(c, IN_ENDED);
        if (!check_coat(c))
            return;
    }
    if (c->life == LIFE_REQUEST)
        end_request(c);
    else if (c->in.state == IN_ENDED)
        tell_end(c);
}

static void pump_kept(struct http_call *c)
{
    struct buf *kept = buf_ref(c->in.kept); /* the call may be over with it meanwhile */
    const struct bytes all = bytes_of(kept->data + c->in.kept_from, kept->len - c->in.kept_from);
    struct bytes rest = all;
    pump(c, &rest);
    buf_unref(kept);
    if (!has_kept(c))
        return;
    consume(c, all.len - rest.len);
    c->in.kept_from += all.len - rest.len;
    if (rest.len == 0)
        drop_kept(c);
}

void call_in_pump(struct http_call *c)
{
    if (has_kept(c))
        pump_kept(c);
    tell_end(c);
    http_call_note(c);
    conn_wants_flush(c->conn);
}

/* From inside the pump it goes on by itself. */
void call_in_read(struct stream *s)
{
    struct http_call *c = http_call_of(s);
    if (c->life != LIFE_OPEN || s->finished)
        return;
    assert(!c->in.wanted); /* one at a time */
    c->in.wanted = true;
    if (!c->in.pumping && (has_kept(c) || c->in.state == IN_ENDED))
        task_defer(s->loop, &c->turn);
}

void call_in_settle(struct http_call *c)
{
    struct incoming *m = &c->in.message;
    if (c->conn->borrower == c)
        c->conn->borrower = NULL;
    if (!has_message(c) || m->own != NULL)
        return;
    m->own = buf_copy(m->bytes);
    if (m->own == NULL) {
        m->bytes = nothing;
        fail_memory(c);
        return;
    }
    m->bytes = buf_bytes(m->own);
    http_call_note(c);
}

void call_in_shut(struct http_call *c)
{
    if (c->in.state == IN_SHUT)
        return;
    call_in_move(c, IN_SHUT);
    if (has_kept(c))
        consume(c, c->in.kept->len - c->in.kept_from);
    drop_kept(c);
    if (!c->in.pumping) {
        drop_message(c); /* it may lie in the deframer */
        deframer_clear(&c->in.frames);
        gather_clear(&c->in.gather);
    }
    http_call_note(c);
}

void call_in_close(struct http_call *c)
{
    drop_message(c);
    drop_kept(c);
    deframer_clear(&c->in.frames);
    gather_clear(&c->in.gather);
    received_headers_clear(&c->in.headers);
}
