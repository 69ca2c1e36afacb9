/* A call on gRPC: what a server's and a client's stream have in common.
 *
 * States, and who waits for what in them:
 *
 *   ARMED      server: offered to gRPC, no call yet
 *   ENTERING   the interceptors look at it. A server's handler does not know of
 *              it yet; what a client's does waits until it is OPEN
 *   OPEN       messages go both ways
 *   FINISHING  our status (server) or a cancel (client) is on its way
 *   OVER       on_close was called; ops still in flight come back
 *   DEAD       nothing in flight: freed
 *
 *   ARMED -accepted-> ENTERING -passed, or rejected-> OPEN
 *   OPEN -stream_finish-> FINISHING -over-> OVER -> DEAD
 *   ARMED -shut down-> DEAD;  ENTERING or OPEN -peer gone, or status came-> OVER;
 *   ENTERING -a client's cancel-> FINISHING
 *
 * Messages and the status pass the interceptors too: a message that came waits
 * in `incoming`, one that goes out at the head of `queue`, until it has passed.
 *
 * The call owns three ops: at most one read, one write and the one that tells
 * the end are in flight (GRPC_FACTS: RECV_STATUS and RECV_CLOSE always succeed
 * and so get a batch of their own). in_flight counts them; the call is freed
 * when it is OVER and the count is 0. All on the loop's thread. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "grpc_op.h"
#include "metadata.h"
#include "received.h"
#include "weir/interceptor.h"
#include "weir/stream.h"

enum call_state {
    CALL_ARMED,
    CALL_ENTERING,
    CALL_OPEN,
    CALL_FINISHING,
    CALL_OVER,
    CALL_DEAD,
    CALL_NR
};

struct call;

/* What the two sides do differently. */
struct call_side {
    /* Puts the op that ends our direction, status or half-close, and what goes
     * with it: at most two. Returns how many. */
    size_t (*put_last)(struct call *c, grpc_op *ops);
    /* Ends the call with this status, over whatever else was to end it; but for
     * a call_write(). */
    void (*reject)(struct call *c, const struct status *why);
    /* The call has passed the interceptors, or not. */
    void (*admit)(struct call *c);
    void (*refuse)(struct call *c, const struct status *why);
    /* last_status has passed them. */
    void (*status_passed)(struct call *c);
    /* What was received. */
    const grpc_metadata_array *(*received)(struct call *c, enum metadata_place place);
    /* A write was started, or came back; may be NULL. */
    void (*write_started)(struct call *c);
    void (*write_done)(struct call *c);
    /* The call is OVER and nothing is in flight: free it. */
    void (*free)(struct call *c);
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

struct call {
    struct stream stream; /* first: a stream * is a call * */
    const struct call_side *side;
    grpc_call *grpc;
    enum call_state state;
    unsigned in_flight;
    struct interception interception;
    struct metadata headers, trailers; /* to be sent */

    size_t message_max_bytes; /* of one that comes, once it is unpacked */
    struct op read;
    grpc_byte_buffer *received;
    bool reading;
    struct received incoming; /* what was received, on its way to the handler */
    bool has_incoming;

    struct op write;
    struct message queue[2]; /* waiting to be written; [0] is next */
    unsigned queued;
    bool writing;
    bool wrote_message; /* the write in flight carries one, the last of its run */
    bool headers_sent;
    uint32_t headers_flags;
    bool last_wanted; /* after the queue: status or half-close */
    bool last_passed; /* server: the status has passed the interceptors */
    bool last_sent;
    bool write_failed;
    struct status last_status; /* what ends it: to send, or what a cancel said */

    struct op over; /* RECV_CLOSE_ON_SERVER or RECV_STATUS_ON_CLIENT */
    bool is_over;   /* it came */
};

/** Memory for a call whose first member is a struct call, zeroed, with what
 * the interceptors of @chain (may be NULL) keep of it. NULL: out of memory. */
void *call_alloc(size_t size, const struct chain *chain);

/** Zeroes it, for another call of the same kind. */
void call_reset(void *call, size_t size, const struct chain *chain);

/** For a call of call_alloc() with the same @size and @chain. */
void call_init(struct call *c, struct loop *loop, const struct call_side *side,
               const struct stream_ops *ops, size_t size, const struct chain *chain);

/** ENTERING: has the interceptors look at it; side->admit or ->refuse follows,
 * at once or later. Nothing happens if the call has ended before. */
void call_enter(struct call *c);

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

/** Forgets the messages that wait to be written. */
void call_drop_queue(struct call *c);

/** Tells the handler that the call is over, once. */
void call_close(struct call *c, const struct status *status);

/** Frees the call if it may be: the last thing an op's done does. */
void call_reap(struct call *c);

/** Releases what call_init() and the ops took, but not c itself. */
void call_done(struct call *c);

/** Has the interceptors look at last_status; side->status_passed follows, at
 * once or later. */
void call_pass_status(struct call *c);

/** Hands the bytes of @received to the handler and destroys it. */
void call_deliver(struct call *c, grpc_byte_buffer *received);

/* For struct stream_ops. */
void call_read(struct stream *s);
int call_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags);
int call_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                  unsigned flags);
void call_resume(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                 const struct status *why);
struct bytes call_get(struct stream *s, enum metadata_place place, const char *name);
int call_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value);
void call_peer(struct stream *s, char *to, size_t room);

/** Nothing has ended it yet. */
static inline bool call_is_live(const struct call *c)
{
    return c->state == CALL_ENTERING || c->state == CALL_OPEN;
}

static inline struct call *call_of(struct stream *s)
{
    return (struct call *)s;
}

#endif
