/* A call on gRPC: what a server's and a client's stream have in common.
 *
 * It has a life and two directions, each with states of its own. One function
 * changes each of them. All on the loop's thread.
 *
 *   life   ARMED      a server's is offered to gRPC, a client's is being made
 *          ENTERING   the interceptors look at it. A server's handler does not know
 *                     of it yet; what a client's does waits until it is OPEN
 *          OPEN       messages go both ways
 *          FINISHING  our status (server) or a cancel (client) is on its way
 *          OVER       on_close was called; ops still in flight come back
 *          DEAD       nothing is in flight: it is freed
 *
 *   ARMED ──accepted──▶ ENTERING ──passed, or rejected──▶ OPEN ──▶ FINISHING ──▶ OVER ──▶ DEAD
 *     └─ server stops ──▶ DEAD  └─ a client's cancel ────────────────▲
 *   from ENTERING and OPEN to OVER: the peer is gone, or its status came
 *
 *   end    UNWATCHED  nothing was asked to tell of it yet
 *          WATCHED    an op of its own tells of it
 *          BY_WRITE   a server's last write does
 *          CAME       it is known. OVER follows, once the interceptors have let a
 *                     client's status pass, or a server's last write is back
 *
 *   UNWATCHED ──▶ WATCHED or BY_WRITE ──▶ CAME
 *
 *   in     IDLE       nobody has asked for a message
 *          READING    a read is in flight
 *          PASSING    a message came, and waits until the interceptors let it pass
 *
 *   READING ◀──▶ IDLE ◀──▶ PASSING
 *
 *   out    OPEN       messages come, and wait in `queue`
 *          ENDING     the status or the half-close is to go behind them
 *          PASSED     a server's status has passed the interceptors
 *          ENDED      it was given to gRPC
 *          FAILED     a write failed, or a client has cancelled: no more is written
 *
 *   OPEN ──▶ ENDING ──▶ PASSED ──▶ ENDED          from each of them to FAILED
 *               └─ a client's ──────▲
 *
 *   write  NONE       nothing was written: the headers go with the first
 *          IDLE       none is in flight
 *          PART       one is, of headers alone or of the midst of a run
 *          WHOLE      one is, of a message or the last of a run: on_sent follows
 *
 *   NONE ──▶ PART or WHOLE ◀──▶ IDLE
 *
 * The call owns three ops: at most one read, one write and the one that tells
 * the end are in flight (RECV_STATUS and RECV_CLOSE always succeed
 * and so get a batch of their own). in_flight counts them; the call is freed
 * when it is OVER and the count is 0.
 *
 * Its files know each other in a circle, because life, in and out are parts of one
 * object: what comes in may end it, and its end stops what goes out. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <assert.h>

#include "grpc_op.h"
#include "metadata.h"
#include "received.h"
#include "weir/interceptor.h"
#include "weir/stream.h"

enum call_state { CALL_ARMED, CALL_ENTERING, CALL_OPEN, CALL_FINISHING, CALL_OVER, CALL_DEAD };
enum call_end { END_UNWATCHED, END_WATCHED, END_BY_WRITE, END_CAME };
enum core_in_state { CORE_IN_IDLE, CORE_IN_READING, CORE_IN_PASSING };
enum core_out_state {
    CORE_OUT_OPEN,
    CORE_OUT_ENDING,
    CORE_OUT_PASSED,
    CORE_OUT_ENDED,
    CORE_OUT_FAILED
};
enum write_state { WRITE_NONE, WRITE_IDLE, WRITE_PART, WRITE_WHOLE };

struct call;

/* What the two sides do differently. */
struct call_side {
    /* Puts the op that ends our direction, status or half-close, and what goes
     * with it: at most two. Returns how many. */
    size_t (*put_last)(struct call *c, grpc_op *ops);
    /* Ends the call with this status, over whatever else was to end it. A
     * call_write() is to follow. */
    void (*reject)(struct call *c, const struct status *why);
    /* stream_finish(). */
    void (*finish)(struct call *c, const struct status *status);
    /* The call has passed the interceptors, or not. */
    void (*admit)(struct call *c);
    void (*refuse)(struct call *c, const struct status *why);
    /* c->last has passed them. */
    void (*status_passed)(struct call *c);
    /* What was received. */
    const grpc_metadata_array *(*received)(struct call *c, enum metadata_place place);
    /* A write was started, or came back. Both may be NULL. */
    void (*write_started)(struct call *c);
    void (*write_done)(struct call *c);
    /* The call is OVER and nothing is in flight: free it. */
    void (*free)(struct call *c);
};

struct core_in {
    enum core_in_state state;
    struct op read;
    grpc_byte_buffer *buffer; /* what the read in flight has come to */
    struct received message;  /* PASSING */
    size_t max_bytes;         /* of a message, once it is unpacked */
};

/* One that waits to be written, or a run of them. gRPC takes one at a time, so a
 * run goes message by message; it is one to the handler all the same. */
struct message {
    struct buf *buf;
    size_t from, len; /* of what is left */
    size_t run;       /* messages that are left; 0: a single one, without a head */
    unsigned flags;
    bool passed; /* the interceptors: the next one */
};

struct core_out {
    enum core_out_state state;
    enum write_state write;
    struct op written;
    struct metadata headers, trailers;
    uint32_t headers_flags;
    struct message queue[2]; /* waiting to be written; [0] is next */
    unsigned queued;
};

struct call {
    struct stream stream; /* first: a stream * is a call * */
    const struct call_side *side;
    grpc_call *grpc;
    enum call_state life;
    enum call_end end;
    struct op over; /* RECV_CLOSE_ON_SERVER or RECV_STATUS_ON_CLIENT */
    unsigned in_flight;
    struct interception interception;
    struct core_in in;
    struct core_out out;
    struct status last; /* that it ends with: to be sent, received, or what a cancel said */
};

static inline struct call *call_of(struct stream *s)
{
    return (struct call *)s;
}

/* --- core_call.c: life -------------------------------------------------------------- */

/** Memory for a call whose first member is a struct call, zeroed, with what
 * the interceptors of @chain (may be NULL) keep of it. NULL: out of memory. */
void *call_alloc(size_t size, const struct chain *chain);

/** Zeroes it, for another call of the same kind. */
void call_reset(void *call, size_t size, const struct chain *chain);

/** For a call of call_alloc() with the same @size and @chain. */
void call_init(struct call *c, struct loop *loop, const struct call_side *side, size_t size,
               const struct chain *chain);

/** The only writer of c->life. */
void call_move(struct call *c, enum call_state next);

/** The only writer of c->end. */
void call_note_end(struct call *c, enum call_end next);

/** ENTERING: has the interceptors look at it; side->admit or ->refuse follows,
 * at once or later. Nothing happens if the call has ended before. */
void call_enter(struct call *c);

/** Makes what an open call needs. false: out of memory. */
bool call_open(struct call *c);

/** Starts an op of the call, and counts it. */
static inline bool call_batch(struct call *c, const grpc_op *ops, size_t nops, struct op *op)
{
    const bool started = loop_batch(c->stream.loop, c->grpc, ops, nops, op);
    c->in_flight += started;
    return started;
}

/** An op of the call came back. */
static inline void call_landed(struct call *c)
{
    assert(c->in_flight > 0);
    c->in_flight--;
}

/** Has the interceptors look at c->last; side->status_passed follows, at once or
 * later. */
void call_pass_status(struct call *c);

/** Tells the handler that the call is over, once. */
void call_close(struct call *c, const struct status *status);

/** Frees the call if it may be: the last thing an op's done does. */
void call_reap(struct call *c);

/** Releases what call_init() and the ops took, but not c itself. */
void call_done(struct call *c);

/** Nothing has ended it yet. */
static inline bool call_is_live(const struct call *c)
{
    return c->life == CALL_ENTERING || c->life == CALL_OPEN;
}

/* --- core_call_in.c ----------------------------------------------------------------- */

/** Hands the bytes of @buffer to the handler and destroys it. */
void call_deliver(struct call *c, grpc_byte_buffer *buffer);

/** Goes on with the message that an interceptor held. */
void call_resume_in(struct call *c, enum intercept verdict, const struct status *why);

/** Forgets the message that is with the interceptors. */
void call_drop_message(struct call *c);

/** The done of c->in.read. */
void call_on_read(struct op *op, bool ok);

/* For struct stream_ops. */
void call_read(struct stream *s);

/* --- core_call_out.c ---------------------------------------------------------------- */

/** Writes what is ready, if nothing is being written. */
void call_write(struct call *c);

/** Our direction is to end behind what is queued: with c->last, or a half-close. */
void call_end_out(struct call *c);

/** Nothing more goes out. */
void call_fail_out(struct call *c);

/** A server's status has passed the interceptors: writes it. */
void call_write_status(struct call *c);

/** Goes on with the message that an interceptor held. */
void call_resume_out(struct call *c, enum intercept verdict, const struct status *why);

/** Forgets the messages that wait to be written. */
void call_drop_queue(struct call *c);

/** The done of c->out.written. */
void call_on_written(struct op *op, bool ok);

static inline bool call_is_writing(const struct call *c)
{
    return c->out.write >= WRITE_PART;
}

/* For struct stream_ops. */
int call_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags);
int call_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                  unsigned flags);
int call_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value);

#endif
