/* What goes out on a call: headers, messages, and what ends our direction. */
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "base/states.h"
#include "core_call.h"

static const struct state_row states[] = {
    [CORE_OUT_OPEN] = { .next = STATE(CORE_OUT_ENDING) | STATE(CORE_OUT_FAILED) },
    [CORE_OUT_ENDING] = { .next = STATE(CORE_OUT_PASSED) | STATE(CORE_OUT_ENDED) |
                                  STATE(CORE_OUT_FAILED) },
    [CORE_OUT_PASSED] = { .next = STATE(CORE_OUT_ENDED) | STATE(CORE_OUT_FAILED) },
    [CORE_OUT_ENDED] = { .next = STATE(CORE_OUT_FAILED) },
    [CORE_OUT_FAILED] = { .next = 0 },
};

/* The only writer of out.state. */
static void out_move(struct call *c, enum core_out_state next)
{
    c->out.state = state_step(states, c->out.state, next);
}

static const struct state_row writes[] = {
    [WRITE_NONE] = { .next = STATE(WRITE_PART) | STATE(WRITE_WHOLE) },
    [WRITE_IDLE] = { .next = STATE(WRITE_PART) | STATE(WRITE_WHOLE) },
    [WRITE_PART] = { .next = STATE(WRITE_IDLE) },
    [WRITE_WHOLE] = { .next = STATE(WRITE_IDLE) },
};

/* The only writer of out.write. */
static void write_move(struct call *c, enum write_state next)
{
    c->out.write = state_step(writes, c->out.write, next);
}

void call_end_out(struct call *c)
{
    if (c->out.state == CORE_OUT_OPEN)
        out_move(c, CORE_OUT_ENDING);
}

void call_fail_out(struct call *c)
{
    if (c->out.state != CORE_OUT_FAILED)
        out_move(c, CORE_OUT_FAILED);
}

int call_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value)
{
    struct call *c = call_of(s);
    if (place == METADATA_HEADERS)
        return c->out.write != WRITE_NONE ? EPIPE : metadata_put(&c->out.headers, name, value);
    if (!c->interception.server)
        return ENOTSUP;
    return c->out.state >= CORE_OUT_ENDED ? EPIPE : metadata_put(&c->out.trailers, name, value);
}

/* --- The queue ---------------------------------------------------------------------- */

static bool in_mid_run(const struct message *m)
{
    return m->run > 1;
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

/* A write of headers alone carries none, and one in the midst of a run carries
 * a part of what is at the head of the queue. */
static unsigned messages_held(const struct call *c)
{
    return c->out.queued + (c->out.write == WRITE_WHOLE);
}

static int enqueue(struct call *c, const struct message *m)
{
    struct stream *s = &c->stream;
    if (s->finished || !call_is_live(c))
        return EPIPE;
    if (messages_held(c) == 2)
        return EAGAIN;
    buf_ref(m->buf);
    c->out.queue[c->out.queued++] = *m;
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
    c->out.queue[0] = c->out.queue[1];
    c->out.queued--;
}

void call_drop_queue(struct call *c)
{
    while (c->out.queued > 0) {
        buf_unref(c->out.queue[0].buf);
        pop_queue(c);
    }
}

/* The next message is written: what follows it in its run is at the head then.
 * The last one's reference to the buffer went with its slice. */
static void pop_message(struct call *c)
{
    struct message *m = &c->out.queue[0];
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

/* --- The interceptors --------------------------------------------------------------- */

/* Whether writing may go on: the first message has passed, or is gone because
 * the call was rejected. */
static bool pass_message(struct call *c)
{
    struct message *m = &c->out.queue[0];
    struct status why;
    if (c->out.queued == 0 || m->passed)
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
    static const struct bytes no_message;
    if (!c->interception.server || c->out.state == CORE_OUT_PASSED)
        return true;
    if (c->interception.held[INTERCEPT_FINISH] ||
        interception_run(&c->interception, &c->stream, INTERCEPT_FINISH, no_message, &c->last) !=
            INTERCEPT_PASS)
        return false;
    out_move(c, CORE_OUT_PASSED);
    return true;
}

void call_write_status(struct call *c)
{
    if (c->out.state == CORE_OUT_ENDING)
        out_move(c, CORE_OUT_PASSED);
    call_write(c);
}

/* The message may be gone: the call was rejected for another one meanwhile. */
void call_resume_out(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict == INTERCEPT_REJECT && c->out.queued > 0)
        c->side->reject(c, why);
    call_write(c);
}

/* --- Writing ------------------------------------------------------------------------ */

/* What is written at once. */
struct batch {
    grpc_op ops[4];
    size_t n;
    grpc_byte_buffer *message; /* NULL: none */
};

static void put_headers(struct call *c, struct batch *b)
{
    grpc_op *op = &b->ops[b->n++];
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    op->data.send_initial_metadata.count = c->out.headers.n;
    op->data.send_initial_metadata.metadata = c->out.headers.items;
    op->flags = c->out.headers_flags;
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

static void put_message(struct call *c, struct batch *b, bool last_now)
{
    const struct message *m = &c->out.queue[0];
    const bool alone = b->n == 0 && !last_now;
    grpc_op *op = &b->ops[b->n++];
    b->message = message_slices(m);
    traffic_count(&c->stream.out, 1, next_message(m).len);
    op->op = GRPC_OP_SEND_MESSAGE;
    op->data.send_message.send_message = b->message;
    if (alone && more_follows(m))
        op->flags = GRPC_WRITE_BUFFER_HINT;
    if (m->flags & STREAM_PLAIN)
        op->flags |= GRPC_WRITE_NO_COMPRESS;
    pop_message(c);
}

static void start_write(struct call *c, struct batch *b)
{
    const bool started = call_batch(c, b->ops, b->n, &c->out.written);
    grpc_byte_buffer_destroy(b->message); /* its slices went with the batch */
    if (!started) {
        write_move(c, WRITE_IDLE);
        call_fail_out(c);
        grpc_call_cancel(c->grpc, NULL);
    } else if (c->side->write_started != NULL) {
        c->side->write_started(c);
    }
}

/* Whether what ends our direction goes with what is written now. */
static bool last_goes(struct call *c)
{
    const bool wanted = c->out.state == CORE_OUT_ENDING || c->out.state == CORE_OUT_PASSED;
    const bool behind_all =
        c->out.queued == 0 || (c->out.queued == 1 && !in_mid_run(&c->out.queue[0]));
    return wanted && behind_all && pass_last(c);
}

/* Whether there is something to write, and it may go; *ret_last_now: what ends
 * our direction goes with it. A server's headers wait for the first message. */
static bool may_write(struct call *c, bool *ret_last_now)
{
    if (call_is_writing(c) || c->out.state == CORE_OUT_FAILED || c->life == CALL_ENTERING ||
        c->life == CALL_OVER || !pass_message(c) || c->out.state == CORE_OUT_FAILED)
        return false;
    *ret_last_now = last_goes(c);
    return c->out.queued > 0 || *ret_last_now ||
           (c->out.write == WRITE_NONE && !c->interception.server);
}

void call_write(struct call *c)
{
    bool last_now;
    if (!may_write(c, &last_now))
        return;
    struct batch b = { .n = 0 };
    const bool whole = c->out.queued > 0 && !in_mid_run(&c->out.queue[0]);
    if (c->out.write == WRITE_NONE)
        put_headers(c, &b);
    if (c->out.queued > 0)
        put_message(c, &b, last_now);
    if (last_now) {
        b.n += c->side->put_last(c, &b.ops[b.n]);
        out_move(c, CORE_OUT_ENDED);
    }
    write_move(c, whole ? WRITE_WHOLE : WRITE_PART);
    start_write(c, &b);
}

void call_on_written(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, out.written);
    const bool whole = ok && c->out.write == WRITE_WHOLE; /* the next write is begun below */
    write_move(c, WRITE_IDLE);
    call_landed(c);
    if (!ok) {
        call_fail_out(c); /* c->over tells why */
        call_drop_queue(c);
    }
    call_write(c);
    if (c->side->write_done != NULL)
        c->side->write_done(c);
    if (whole && c->life == CALL_OPEN && !c->stream.finished && c->stream.on->on_sent != NULL)
        c->stream.on->on_sent(&c->stream);
    call_reap(c);
}
