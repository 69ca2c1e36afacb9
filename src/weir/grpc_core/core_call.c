#include "core_call.h"

#include <assert.h>
#include <grpc/support/alloc.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/states.h"
#include "weir/identity.h"

/* What one message may take decoded; see stream_deliver(). */
#define DECODED_MAX_BYTES ((size_t)32 << 20)

static const struct state_row lives[] = {
    [CALL_ARMED] = { "ARMED", STATE(CALL_ENTERING) | STATE(CALL_DEAD) },
    [CALL_ENTERING] = { "ENTERING", STATE(CALL_OPEN) | STATE(CALL_FINISHING) | STATE(CALL_OVER) },
    [CALL_OPEN] = { "OPEN", STATE(CALL_FINISHING) | STATE(CALL_OVER) },
    [CALL_FINISHING] = { "FINISHING", STATE(CALL_OVER) },
    [CALL_OVER] = { "OVER", STATE(CALL_DEAD) },
    [CALL_DEAD] = { "DEAD", 0 },
};

void call_move(struct call *c, enum call_state next)
{
    c->life = state_step_logged(lives, c->life, next, "call %p", (void *)c);
}

static const struct state_row ends[] = {
    [END_UNWATCHED] = { .next = STATE(END_WATCHED) | STATE(END_BY_WRITE) },
    [END_WATCHED] = { .next = STATE(END_CAME) },
    [END_BY_WRITE] = { .next = STATE(END_CAME) },
    [END_CAME] = { .next = 0 },
};

void call_note_end(struct call *c, enum call_end next)
{
    c->end = state_step(ends, c->end, next);
}

void call_reap(struct call *c)
{
    if (c->life != CALL_OVER || c->in_flight > 0)
        return;
    call_move(c, CALL_DEAD);
    c->side->free(c);
}

/* --- The interceptors --------------------------------------------------------------- */

static const struct bytes no_message;

/* It may have ended, or been cancelled, while it was held. */
static bool may_enter(const struct call *c)
{
    return c->life == CALL_ENTERING && c->end != END_CAME;
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

/* A client's status comes after the messages before it, of which the last may
 * be held; but the end that this side made waits for nothing. */
static bool status_waits(const struct call *c)
{
    return c->interception.held[INTERCEPT_FINISH] ||
           (c->in.state == CORE_IN_PASSING && c->life != CALL_FINISHING &&
            c->last.code != STATUS_DEADLINE_EXCEEDED);
}

void call_pass_status(struct call *c)
{
    if (status_waits(c))
        return;
    if (interception_run(&c->interception, &c->stream, INTERCEPT_FINISH, no_message, &c->last) ==
        INTERCEPT_PASS)
        c->side->status_passed(c);
}

static void resume_call(struct call *c, enum intercept verdict, const struct status *why)
{
    if (verdict != INTERCEPT_REJECT)
        call_enter(c);
    else if (may_enter(c))
        c->side->refuse(c, why);
}

static void resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                   const struct status *why)
{
    struct call *c = call_of(s);
    assert(c->interception.held[stage] && c->life != CALL_OVER);
    c->interception.held[stage] = false;
    switch (stage) {
    case INTERCEPT_CALL:
        resume_call(c, verdict, why);
        break;
    case INTERCEPT_IN:
        call_resume_in(c, verdict, why);
        break;
    case INTERCEPT_OUT:
        call_resume_out(c, verdict, why);
        break;
    default:
        if (verdict == INTERCEPT_REJECT && why != NULL)
            c->last = *why;
        call_pass_status(c);
        break;
    }
    call_reap(c);
}

/* --- Metadata ----------------------------------------------------------------------- */

static struct bytes get(struct stream *s, enum metadata_place place, const char *name)
{
    struct call *c = call_of(s);
    const grpc_metadata_array *received = c->side->received(c, place);
    return received != NULL ? metadata_get(received, name) : bytes_of(NULL, 0);
}

static bool get_nth(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value)
{
    struct call *c = call_of(s);
    const grpc_metadata_array *received = c->side->received(c, place);
    return received != NULL && metadata_get_nth(received, n, ret_name, ret_value);
}

static void peer(struct stream *s, char *to, size_t room)
{
    char *name = grpc_call_get_peer(call_of(s)->grpc);
    snprintf(to, room, "%s", name);
    gpr_free(name);
}

/* --- Life --------------------------------------------------------------------------- */

static void finish(struct stream *s, const struct status *status)
{
    struct call *c = call_of(s);
    c->side->finish(c, status);
}

static const struct stream_ops ops = {
    .read = call_read,
    .send = call_send,
    .send_run = call_send_run,
    .finish = finish,
    .resume = resume,
    .get = get,
    .put = call_put,
    .get_nth = get_nth,
    .peer = peer,
};

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

void call_init(struct call *c, struct loop *loop, const struct call_side *side, size_t size,
               const struct chain *chain)
{
    c->stream.loop = loop;
    c->stream.ops = &ops;
    c->side = side;
    c->interception.chain = chain;
    c->interception.state = (unsigned char *)c + padded(size);
    c->in.read.done = call_on_read;
    c->out.written.done = call_on_written;
}

bool call_open(struct call *c)
{
    c->stream.arena = arena_new(DECODED_MAX_BYTES);
    return c->stream.arena != NULL;
}

void call_close(struct call *c, const struct status *status)
{
    if (c->life == CALL_OVER)
        return;
    call_move(c, CALL_OVER);
    call_drop_queue(c);
    stream_deliver_close(&c->stream, status);
    c->stream.ended_ns = clock_ns();
    interception_close(&c->interception, &c->stream, status);
}

void call_done(struct call *c)
{
    assert(c->in_flight == 0);
    call_drop_queue(c);
    call_drop_message(c);
    metadata_clear(&c->out.headers);
    metadata_clear(&c->out.trailers);
    identity_unref(c->stream.identity);
    arena_free(c->stream.arena);
    if (c->grpc != NULL)
        grpc_call_unref(c->grpc);
}
