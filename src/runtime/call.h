/* A call on gRPC: what a server's and a client's stream have in common.
 *
 * States, and who waits for what in them:
 *
 *   ARMED      server: offered to gRPC, no call yet
 *   OPEN       messages go both ways
 *   FINISHING  our status (server) or a cancel (client) is on its way
 *   OVER       on_close was called; ops still in flight come back
 *   DEAD       nothing in flight: freed
 *
 *   ARMED -accepted-> OPEN -stream_finish-> FINISHING -over-> OVER -> DEAD
 *   ARMED -shut down-> DEAD;  OPEN -peer gone, or status came-> OVER
 *
 * The call owns three ops: at most one read, one write and the one that tells
 * the end are in flight (GRPC_FACTS: RECV_STATUS and RECV_CLOSE always succeed
 * and so get a batch of their own). in_flight counts them; the call is freed
 * when it is OVER and the count is 0. All on the loop's thread. */
#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include "grpc_op.h"
#include "stream.h"

enum call_state { CALL_ARMED, CALL_OPEN, CALL_FINISHING, CALL_OVER, CALL_DEAD, CALL_NR };

struct call;

/* What the two sides do differently. */
struct call_side {
    /* Appends the op that ends our direction: status, or half-close. */
    void (*put_last_op)(struct call *c, grpc_op *op);
    /* A write was started, or came back; may be NULL. */
    void (*write_started)(struct call *c);
    void (*write_done)(struct call *c);
    /* The call is OVER and nothing is in flight: free it. */
    void (*free)(struct call *c);
};

struct message {
    struct buf *buf;
    size_t from, len;
    unsigned flags;
};

struct call {
    struct stream stream; /* first: a stream * is a call * */
    const struct call_side *side;
    grpc_call *grpc;
    enum call_state state;
    unsigned in_flight;

    struct op read;
    grpc_byte_buffer *received;
    bool reading;

    struct op write;
    struct message queue[2]; /* waiting to be written; [0] is next */
    unsigned queued;
    bool writing;
    bool wrote_message; /* the write in flight carries one */
    bool headers_sent;
    uint32_t headers_flags;
    bool last_wanted; /* after the queue: status or half-close */
    bool last_sent;
    bool write_failed;
    struct status last_status; /* what ends it: to send, or what a cancel said */

    struct op over; /* RECV_CLOSE_ON_SERVER or RECV_STATUS_ON_CLIENT */
    bool is_over;   /* it came */
};

/** For a zeroed call. */
void call_init(struct call *c, struct loop *loop, const struct call_side *side,
               const struct stream_ops *ops);

/** Makes what an open call needs. false: out of memory. */
bool call_open(struct call *c);

/** The only writer of c->state. */
void call_move(struct call *c, enum call_state next);

/** Starts an op of the call, and counts it. */
bool call_batch(struct call *c, const grpc_op *ops, size_t nops, struct op *op);

/** An op of the call came back. */
void call_landed(struct call *c);

/** Writes what is ready, if nothing is being written. */
void call_write(struct call *c);

/** Tells the handler that the call is over, once. */
void call_close(struct call *c, const struct status *status);

/** Frees the call if it may be: the last thing an op's done does. */
void call_reap(struct call *c);

/** Releases what call_init() and the ops took, but not c itself. */
void call_done(struct call *c);

/** Hands the bytes of @received to the handler and destroys it. */
void call_deliver(struct call *c, grpc_byte_buffer *received);

/* For struct stream_ops. */
void call_read(struct stream *s);
int call_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags);

static inline struct call *call_of(struct stream *s)
{
    return (struct call *)s;
}

#endif
