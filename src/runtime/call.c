#include "call.h"

#include <assert.h>
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "arena.h"
#include "log.h"

/* What one message may take decoded; see stream_deliver(). */
#define DECODED_MAX_BYTES ((size_t)32 << 20)

#define BIT(state) (1u << (state))

static const struct {
    const char *name;
    unsigned next;
} states[CALL_NR] = {
    [CALL_ARMED] = { "ARMED", BIT(CALL_OPEN) | BIT(CALL_DEAD) },
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

/* --- In ------------------------------------------------------------------------ */

void call_read(struct stream *s)
{
    struct call *c = call_of(s);
    if (c->state != CALL_OPEN)
        return;
    assert(!c->reading); /* one at a time */
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };
    op.data.recv_message.recv_message = &c->received;
    c->reading = call_batch(c, &op, 1, &c->read);
}

/* Decodes in place where the message is one slice, as small ones are. */
void call_deliver(struct call *c, grpc_byte_buffer *received)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *first, all = grpc_empty_slice();
    if (!grpc_byte_buffer_reader_init(&reader, received)) {
        grpc_byte_buffer_destroy(received);
        stream_fail(&c->stream, STATUS_INTERNAL, "a message cannot be read");
        return;
    }
    const size_t len = grpc_byte_buffer_length(received);
    if (!grpc_byte_buffer_reader_peek(&reader, &first))
        first = &all;
    if (GRPC_SLICE_LENGTH(*first) != len) {
        grpc_byte_buffer_reader_destroy(&reader);
        grpc_byte_buffer_reader_init(&reader, received);
        all = grpc_byte_buffer_reader_readall(&reader);
        first = &all;
    }
    stream_deliver(&c->stream, bytes_of(GRPC_SLICE_START_PTR(*first), len));
    grpc_slice_unref(all);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(received);
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
        c->stream.on->on_end(&c->stream);
    call_reap(c);
}

/* --- Out ------------------------------------------------------------------------- */

int call_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags)
{
    struct call *c = call_of(s);
    if (s->finished || c->state != CALL_OPEN)
        return EPIPE;
    if (c->queued == 2 || (c->queued == 1 && c->writing))
        return EAGAIN;
    c->queue[c->queued++] = (struct message){ buf_ref(b), from, len, flags };
    if (flags & STREAM_LAST) {
        struct status ok = status_ok();
        stream_finish(s, &ok);
    } else {
        call_write(c);
    }
    return 0;
}

static void drop_buf(void *b)
{
    buf_unref(b);
}

static void pop_message(struct call *c)
{
    c->queue[0] = c->queue[1];
    c->queued--;
}

static void drop_queue(struct call *c)
{
    while (c->queued > 0) {
        buf_unref(c->queue[0].buf);
        pop_message(c);
    }
}

/* The slice takes the message's reference to its buffer. */
static grpc_byte_buffer *message_slices(const struct message *m)
{
    grpc_slice slice =
        grpc_slice_new_with_user_data(m->buf->data + m->from, m->len, drop_buf, m->buf);
    grpc_byte_buffer *bytes = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return bytes;
}

void call_write(struct call *c)
{
    const bool last_now = c->last_wanted && !c->last_sent && c->queued <= 1;
    if (c->writing || c->write_failed || c->state == CALL_OVER ||
        (c->queued == 0 && !last_now && (c->headers_sent || c->stream.method != NULL)))
        return;

    grpc_op ops[3] = { 0 };
    size_t n = 0;
    grpc_byte_buffer *bytes = NULL;
    if (!c->headers_sent) {
        ops[n].op = GRPC_OP_SEND_INITIAL_METADATA;
        ops[n++].flags = c->headers_flags;
    }
    if (c->queued > 0) {
        bytes = message_slices(&c->queue[0]);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n].data.send_message.send_message = bytes;
        /* The hint in a batch with the headers: it would never complete. */
        if (n == 0 && !last_now && (c->queue[0].flags & STREAM_MORE))
            ops[n].flags = GRPC_WRITE_BUFFER_HINT;
        n++;
        pop_message(c);
    }
    if (last_now)
        c->side->put_last_op(c, &ops[n++]);

    c->headers_sent = true;
    c->last_sent = last_now;
    c->wrote_message = bytes != NULL;
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
    c->writing = false;
    call_landed(c);
    if (!ok) {
        c->write_failed = true; /* c->over tells why */
        drop_queue(c);
    }
    call_write(c);
    if (c->side->write_done != NULL)
        c->side->write_done(c);
    if (ok && c->wrote_message && c->state == CALL_OPEN && !c->stream.finished &&
        c->stream.on->on_sent != NULL)
        c->stream.on->on_sent(&c->stream);
    call_reap(c);
}

/* --- Life ------------------------------------------------------------------------- */

void call_init(struct call *c, struct loop *loop, const struct call_side *side,
               const struct stream_ops *ops)
{
    c->stream.loop = loop;
    c->stream.ops = ops;
    c->side = side;
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
    drop_queue(c);
    c->stream.on->on_close(&c->stream, status);
}

void call_done(struct call *c)
{
    assert(c->in_flight == 0);
    drop_queue(c);
    arena_free(c->stream.arena);
    if (c->grpc != NULL)
        grpc_call_unref(c->grpc);
}
