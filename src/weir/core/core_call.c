#include "core_call.h"

#include <assert.h>
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "weir/identity.h"

/* What one message may take decoded; see stream_deliver(). */
#define DECODED_MAX_BYTES ((size_t)32 << 20)

#define BIT(state) (1u << (state))

static const struct {
    const char *name;
    unsigned next;
} states[CALL_NR] = {
    [CALL_ARMED] = { "ARMED", BIT(CALL_ENTERING) | BIT(CALL_DEAD) },
    [CALL_ENTERING] = { "ENTERING", BIT(CALL_OPEN) | BIT(CALL_FINISHING) | BIT(CALL_OVER) },
    [CALL_OPEN] = { "OPEN", BIT(CALL_FINISHING) | BIT(CALL_OVER) },
    [CALL_FINISHING] = { "FINISHING", BIT(CALL_OVER) },
    [CALL_OVER] = { "OVER", BIT(CALL_DEAD) },
    [CALL_DEAD] = { "DEAD", 0 },
};

void call_move(struct call *c, enum call_state next)
{
    assert(states[c->state].next & BIT(next));
    log_debug("call %p: %s -> %s", (void *)c, states[c->state].name, states[next].name);
    c->state = next;
}

bool call_batch(struct call *c, const grpc_op *ops, size_t nops, struct op *op)
{
    if (!loop_batch(c->stream.loop, c->grpc, ops, nops, op))
        return false;
    c->in_flight++;
    return true;
}

void call_landed(struct call *c)
{
    assert(c->in_flight > 0);
    c->in_flight--;
}

void call_reap(struct call *c)
{
    if (c->state != CALL_OVER || c->in_flight > 0)
        return;
    call_move(c, CALL_DEAD);
    c->side->free(c);
}

/* --- The interceptors ---------------------------------------------------------- */

static const struct bytes no_message;

/* It may have ended, or been cancelled, while it was held. */
static bool may_enter(const struct call *c)
{
    return c->state == CALL_ENTERING && !c->is_over;
}

void call_enter(struct call *c)
{
    struct status why;
    if (!may_enter(c))
        return;
    if (c->stream.began_ns == 0)
        c->stream.began_ns = clock_ns();
    switch (interception_run(&c->interception, &c->stream, INTERCEPT_CALL, no_message, &why)) {
    case INTERCEPT_PASS:
        c->side->admit(c);
        break;
    case INTERCEPT_REJECT:
        c->side->refuse(c, &why);
        break;
    case INTERCEPT_LATER:
        break;
    }
}

static void drop_incoming(struct call *c)
{
    if (c->has_incoming)
        received_drop(&c->incoming);
    c->has_incoming = false;
}

/* The handler may ask for the next one meanwhile. */
static void deliver_incoming(struct call *c)
{
    struct received message = c->incoming;
    c->has_incoming = false;
    stream_deliver(&c->stream, received_bytes(&message));
    received_drop(&message);
}

static void reject(struct call *c, const struct status *why)
{
    c->side->reject(c, why);
    call_write(c);
}

static void pass_in(struct call *c)
{
    struct status why;
    switch (interception_run(&c->interception, &c->stream, INTERCEPT_IN,
                             received_bytes(&c->incoming), &why)) {
    case INTERCEPT_PASS:
        deliver_incoming(c);
        break;
    case INTERCEPT_REJECT:
        drop_incoming(c);
        reject(c, &why);
        break;
    case INTERCEPT_LATER:
        break;
    }
}

/* The next message of what is at the head of the queue. */
static struct bytes next_message(const struct message *m)
{
    const uint8_t *at = m->buf->data + m->from;
    if (m->run == 0)
        return bytes_of(at, m->len);
    const size_t len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
    return bytes_of(at + STREAM_HEAD_BYTES, len);
}

/* Whether writing may go on: the first message has passed, or is gone because
 * the call was rejected. */
static bool pass_out(struct call *c)
{
    struct message *m = &c->queue[0];
    struct status why;
    if (c->queued == 0 || m->passed)
        return true;
    if (c->interception.held[INTERCEPT_OUT])
        return false;
    switch (interception_run(&c->interception, &c->stream, INTERCEPT_OUT, next_message(m), &why)) {
    case INTERCEPT_PASS:
        m->passed = true;
        return true;
    case INTERCEPT_REJECT:
        c->side->reject(c, &why);
        return true;
    default:
        return false;
    }
}

/* Whether what ends our direction may go: on a server, the status. */
static bool pass_last(struct call *c)
{
    if (!c->interception.server || c->last_passed)
        return true;
    if (c->interception.held[INTERCEPT_FINISH])
        return false;
    c->last_passed = interception_run(&c->interception, &c->stream, INTERCEPT_FINISH, no_message,
                                      &c->last_status) == INTERCEPT_PASS;
    return c->last_passed;
}

/* A client's status comes after the messages before it, of which the last may
 * be held; but the end that this side made waits for nothing. */
static bool status_waits(const struct call *c)
{
    return c->interception.held[INTERCEPT_FINISH] ||
           (c->has_incoming && c->state != CALL_FINISHING &&
            c->last_status.code != STATUS_DEADLINE_EXCEEDED);
}

void call_pass_status(struct call *c)
{
    if (status_waits(c))
        return;
    if (interception_run(&c->interception, &c->stream, INTERCEPT_FINISH, no_message,
                         &c->last_status) == INTERCEPT_PASS)
        c->side->status_passed(c);
}

static void resume_call(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict != INTERCEPT_REJECT)
        call_enter(c);
    else if (may_enter(c))
        c->side->refuse(c, why);
}

static void resume_in(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict == INTERCEPT_REJECT || !call_is_live(c)) {
        drop_incoming(c);
        if (call_is_live(c))
            reject(c, why);
    } else {
        pass_in(c);
    }
    if (c->is_over && !c->interception.server)
        call_pass_status(c);
}

/* The message may be gone: the call was rejected for another one meanwhile. */
static void resume_out(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict == INTERCEPT_REJECT && c->queued > 0)
        c->side->reject(c, why);
    call_write(c);
}

void call_resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                 const struct status *why)
{
    struct call *c = call_of(s);
    assert(c->interception.held[stage] && c->state != CALL_OVER);
    c->interception.held[stage] = false;
    switch (stage) {
    case INTERCEPT_CALL:
        resume_call(c, verdict, why);
        break;
    case INTERCEPT_IN:
        resume_in(c, verdict, why);
        break;
    case INTERCEPT_OUT:
        resume_out(c, verdict, why);
        break;
    default:
        if (verdict == INTERCEPT_REJECT && why != NULL)
            c->last_status = *why;
        call_pass_status(c);
        break;
    }
    call_reap(c);
}

/* --- Metadata ------------------------------------------------------------------- */

struct bytes call_get(struct stream *s, enum metadata_place place, const char *name)
{
    struct call *c = call_of(s);
    const grpc_metadata_array *received = c->side->received(c, place);
    return received != NULL ? metadata_get(received, name) : bytes_of(NULL, 0);
}

int call_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value)
{
    struct call *c = call_of(s);
    if (place == METADATA_HEADERS)
        return c->headers_sent ? EPIPE : metadata_put(&c->headers, name, value);
    if (!c->interception.server)
        return ENOTSUP;
    return c->last_sent ? EPIPE : metadata_put(&c->trailers, name, value);
}

void call_peer(struct stream *s, char *to, size_t room)
{
    char *peer = grpc_call_get_peer(call_of(s)->grpc);
    snprintf(to, room, "%s", peer);
    gpr_free(peer);
}

/* --- In ------------------------------------------------------------------------ */

static void count(struct traffic *t, size_t bytes)
{
    if (t->messages++ == 0)
        t->first_ns = clock_ns();
    t->bytes += bytes;
}

void call_read(struct stream *s)
{
    struct call *c = call_of(s);
    if (!call_is_live(c))
        return;
    assert(!c->reading && !c->has_incoming); /* one at a time */
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };
    op.data.recv_message.recv_message = &c->received;
    c->reading = call_batch(c, &op, 1, &c->read);
}

void call_deliver(struct call *c, grpc_byte_buffer *received)
{
    struct status why;
    c->stream.compressed = received_is_compressed(received);
    c->has_incoming = received_take(received, c->message_max_bytes, &c->incoming, &why);
    if (!c->has_incoming) {
        stream_finish(&c->stream, &why);
        return;
    }
    count(&c->stream.in, received_bytes(&c->incoming).len);
    pass_in(c);
}

/* A call that was cancelled or broke ends its reads as one whose peer is done
 * does, with success and no message; only the core knows which it is. */
static bool ended_well(const struct call *c)
{
    return !grpc_call_failed_before_recv_message(c->grpc);
}

static void on_read(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, read);
    grpc_byte_buffer *received = c->received;
    c->received = NULL;
    c->reading = false;
    call_landed(c);
    if (c->state != CALL_OPEN)
        grpc_byte_buffer_destroy(received);
    else if (received != NULL)
        call_deliver(c, received);
    else if (ok && ended_well(c))
        stream_deliver_end(&c->stream);
    call_reap(c);
}

/* --- Out ------------------------------------------------------------------------- */

/* A write of headers alone carries none, and one in the midst of a run carries
 * a part of what is at the head of the queue. */
static unsigned messages_held(const struct call *c)
{
    return c->queued + (c->writing && c->wrote_message);
}

static int enqueue(struct call *c, const struct message *m)
{
    struct stream *s = &c->stream;
    if (s->finished || !call_is_live(c))
        return EPIPE;
    if (messages_held(c) == 2)
        return EAGAIN;
    buf_ref(m->buf);
    c->queue[c->queued++] = *m;
    if (m->flags & STREAM_LAST) {
        struct status ok = status_ok();
        stream_finish(s, &ok);
    } else {
        call_write(c);
    }
    return 0;
}

int call_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags)
{
    return enqueue(call_of(s), &(struct message){ b, from, len, 0, flags, false });
}

int call_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                  unsigned flags)
{
    return enqueue(call_of(s), &(struct message){ b, from, len, messages, flags, false });
}

static void pop_queue(struct call *c)
{
    c->queue[0] = c->queue[1];
    c->queued--;
}

void call_drop_queue(struct call *c)
{
    while (c->queued > 0) {
        buf_unref(c->queue[0].buf);
        pop_queue(c);
    }
}

static bool in_mid_run(const struct message *m)
{
    return m->run > 1;
}

/* The next message is written: what follows it in its run is at the head then.
 * The last one's reference to the buffer went with its slice. */
static void pop_message(struct call *c)
{
    struct message *m = &c->queue[0];
    if (!in_mid_run(m)) {
        pop_queue(c);
        return;
    }
    const size_t len = STREAM_HEAD_BYTES + next_message(m).len;
    m->from += len;
    m->len -= len;
    m->run--;
    m->passed = false;
}

/* The slice takes the message's reference to its buffer, or one of its own if
 * there are more in it. */
static grpc_byte_buffer *message_slices(const struct message *m)
{
    const struct bytes message = next_message(m);
    struct buf *b = in_mid_run(m) ? buf_ref(m->buf) : m->buf;
    grpc_slice slice = grpc_slice_new_with_user_data((void *)(uintptr_t)message.data, message.len,
                                                     buf_unref_any, b);
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return bytes;
}

/* Messages smaller than this are worth gathering into one write; the core
 * gathers 64 KiB, with five bytes before each. */
#define GATHER_BYTES (64 * 1024 - 64)

/* Whether the core may wait for the next message. In a batch with the headers
 * or the status it would never complete. */
static bool more_follows(const struct message *m)
{
    return (m->flags & STREAM_MORE) || (in_mid_run(m) && next_message(m).len < GATHER_BYTES);
}

/* Whether there is something to write, and it may go; *ret_last_now: what ends
 * our direction goes with it. A server's headers wait for the first message. */
static bool may_write(struct call *c, bool *ret_last_now)
{
    if (c->writing || c->write_failed || c->state == CALL_ENTERING || c->state == CALL_OVER ||
        !pass_out(c) || c->write_failed)
        return false;
    *ret_last_now = c->last_wanted && !c->last_sent && c->queued <= 1 &&
                    !(c->queued == 1 && in_mid_run(&c->queue[0])) && pass_last(c);
    return c->queued > 0 || *ret_last_now || (!c->headers_sent && !c->interception.server);
}

void call_write(struct call *c)
{
    bool last_now;
    if (!may_write(c, &last_now))
        return;

    grpc_op ops[4] = { 0 };
    size_t n = 0;
    grpc_byte_buffer *bytes = NULL;
    if (!c->headers_sent) {
        ops[n].op = GRPC_OP_SEND_INITIAL_METADATA;
        ops[n].data.send_initial_metadata.count = c->headers.n;
        ops[n].data.send_initial_metadata.metadata = c->headers.items;
        ops[n++].flags = c->headers_flags;
    }
    bool ends_run = false;
    if (c->queued > 0) {
        ends_run = !in_mid_run(&c->queue[0]);
        bytes = message_slices(&c->queue[0]);
        count(&c->stream.out, next_message(&c->queue[0]).len);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n].data.send_message.send_message = bytes;
        if (n == 0 && !last_now && more_follows(&c->queue[0]))
            ops[n].flags = GRPC_WRITE_BUFFER_HINT;
        if (c->queue[0].flags & STREAM_PLAIN)
            ops[n].flags |= GRPC_WRITE_NO_COMPRESS;
        n++;
        pop_message(c);
    }
    if (last_now)
        n += c->side->put_last(c, &ops[n]);

    c->headers_sent = true;
    c->last_sent = last_now;
    c->wrote_message = ends_run;
    c->writing = call_batch(c, ops, n, &c->write);
    grpc_byte_buffer_destroy(bytes); /* its slices went with the batch */
    if (!c->writing) {
        c->write_failed = true;
        grpc_call_cancel(c->grpc, NULL);
    } else if (c->side->write_started != NULL) {
        c->side->write_started(c);
    }
}

static void on_write(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, write);
    const bool message_went = ok && c->wrote_message; /* the next write is begun below */
    c->writing = false;
    call_landed(c);
    if (!ok) {
        c->write_failed = true; /* c->over tells why */
        call_drop_queue(c);
    }
    call_write(c);
    if (c->side->write_done != NULL)
        c->side->write_done(c);
    if (message_went && c->state == CALL_OPEN && !c->stream.finished &&
        c->stream.on->on_sent != NULL)
        c->stream.on->on_sent(&c->stream);
    call_reap(c);
}

/* --- Life ------------------------------------------------------------------------- */

static size_t padded(size_t size)
{
    const size_t align = alignof(max_align_t);
    return (size + align - 1) / align * align;
}

static size_t all_bytes(size_t size, const struct chain *chain)
{
    return padded(size) + (chain != NULL ? chain->state_bytes : 0);
}

void *call_alloc(size_t size, const struct chain *chain)
{
    return calloc(1, all_bytes(size, chain));
}

void call_reset(void *call, size_t size, const struct chain *chain)
{
    memset(call, 0, all_bytes(size, chain));
}

void call_init(struct call *c, struct loop *loop, const struct call_side *side,
               const struct stream_ops *ops, size_t size, const struct chain *chain)
{
    c->stream.loop = loop;
    c->stream.ops = ops;
    c->side = side;
    c->interception.chain = chain;
    c->interception.state = (unsigned char *)c + padded(size);
    c->read.done = on_read;
    c->write.done = on_write;
}

bool call_open(struct call *c)
{
    c->stream.arena = arena_new(DECODED_MAX_BYTES);
    return c->stream.arena != NULL;
}

void call_close(struct call *c, const struct status *status)
{
    if (c->state == CALL_OVER)
        return;
    call_move(c, CALL_OVER);
    call_drop_queue(c);
    c->stream.on->on_close(&c->stream, status);
    c->stream.ended_ns = clock_ns();
    interception_close(&c->interception, &c->stream, status);
}

void call_done(struct call *c)
{
    assert(c->in_flight == 0);
    call_drop_queue(c);
    drop_incoming(c);
    metadata_clear(&c->headers);
    metadata_clear(&c->trailers);
    identity_unref(c->stream.identity);
    arena_free(c->stream.arena);
    if (c->grpc != NULL)
        grpc_call_unref(c->grpc);
}
