/* What comes in on a call: reads, and messages through the interceptors to the handler. */
#include <assert.h>
#include <grpc/byte_buffer.h>

#include "base/states.h"
#include "core_call.h"

static const struct state_row states[] = {
    [CORE_IN_IDLE] = { .next = STATE(CORE_IN_READING) | STATE(CORE_IN_PASSING) },
    [CORE_IN_READING] = { .next = STATE(CORE_IN_IDLE) },
    [CORE_IN_PASSING] = { .next = STATE(CORE_IN_IDLE) },
};

/* The only writer of in.state. */
static void in_move(struct call *c, enum core_in_state next)
{
    c->in.state = state_step(states, c->in.state, next);
}

/* --- A message ---------------------------------------------------------------------- */

void call_drop_message(struct call *c)
{
    if (c->in.state != CORE_IN_PASSING)
        return;
    received_drop(&c->in.message);
    in_move(c, CORE_IN_IDLE);
}

/* The handler may ask for the next one meanwhile. */
static void deliver(struct call *c)
{
    struct received message = c->in.message;
    in_move(c, CORE_IN_IDLE);
    stream_deliver(&c->stream, received_bytes(&message));
    received_drop(&message);
}

static void reject(struct call *c, const struct status *why)
{
    c->side->reject(c, why);
    call_write(c);
}

static void pass(struct call *c)
{
    struct status why;
    switch (interception_run(&c->interception, &c->stream, INTERCEPT_IN,
                             received_bytes(&c->in.message), &why)) {
    case INTERCEPT_PASS:
        deliver(c);
        break;
    case INTERCEPT_REJECT:
        call_drop_message(c);
        reject(c, &why);
        break;
    case INTERCEPT_LATER:
        break;
    }
}

void call_deliver(struct call *c, grpc_byte_buffer *buffer)
{
    struct status why;
    c->stream.compressed = received_is_compressed(buffer);
    if (!received_take(buffer, c->in.max_bytes, &c->in.message, &why)) {
        stream_finish(&c->stream, &why);
        return;
    }
    in_move(c, CORE_IN_PASSING);
    traffic_count(&c->stream.in, 1, received_bytes(&c->in.message).len);
    pass(c);
}

void call_resume_in(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict == INTERCEPT_REJECT || !call_is_live(c)) {
        call_drop_message(c);
        if (call_is_live(c))
            reject(c, why);
    } else {
        pass(c);
    }
    if (c->end == END_CAME && !c->interception.server)
        call_pass_status(c);
}

/* --- Reads -------------------------------------------------------------------------- */

void call_read(struct stream *s)
{
    struct call *c = call_of(s);
    if (!call_is_live(c))
        return;
    assert(c->in.state == CORE_IN_IDLE); /* one at a time */
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };
    op.data.recv_message.recv_message = &c->in.buffer;
    if (call_batch(c, &op, 1, &c->in.read))
        in_move(c, CORE_IN_READING);
}

/* A call that was cancelled or broke ends its reads as one whose peer is done
 * does, with success and no message; only the core knows which it is. */
static bool ended_well(const struct call *c)
{
    return !grpc_call_failed_before_recv_message(c->grpc);
}

void call_on_read(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, in.read);
    grpc_byte_buffer *buffer = c->in.buffer;
    c->in.buffer = NULL;
    in_move(c, CORE_IN_IDLE);
    call_landed(c);
    if (c->life != CALL_OPEN)
        grpc_byte_buffer_destroy(buffer);
    else if (buffer != NULL)
        call_deliver(c, buffer);
    else if (ok && ended_well(c))
        stream_deliver_end(&c->stream);
    call_reap(c);
}
