/* A server's call on the wire: one stream of an HTTP/2 connection.
 *
 * It has a life and two directions, each with states of its own and one setter
 * (http_call_move(), call_in_move(), out_move()). All on the loop of its connection.
 *
 *   life   HEADERS   the request's headers are coming
 *          REQUEST   a method of one request waits for it, and for the end of
 *                    requests behind it: a second one would be an error
 *          ENTERING  the interceptors look at it
 *          OPEN      the handler has it
 *          FINISHING its status is decided, and on its way
 *          OVER      on_close was called
 *
 *   HEADERS ────▶ REQUEST ────▶ ENTERING ──passed, rejected──▶ OPEN ──▶ FINISHING ──▶ OVER
 *      ├─ requests: MANY ───────────▲                                        ▲
 *      └─ refused by the protocol ───────────────────────────────────────────┘
 *   from each of them to OVER: the client or its connection is gone
 *
 *   in     OPEN      requests may come
 *          ENDED     the client sends no more; what is kept may still be read
 *          SHUT      nobody will read: what comes is thrown away
 *
 *   OPEN ──▶ ENDED ──▶ SHUT      and from OPEN to SHUT
 *
 *   out    QUIET     nothing was sent
 *          STARTED   headers went out, messages follow
 *          WAITING   nghttp2 was told that there is none: it asks no more until
 *                    it is told otherwise
 *          ENDING    the status was given to nghttp2
 *          ENDED     it went out
 *          RESET     the stream was reset instead
 *
 *   QUIET ──▶ STARTED ◀──▶ WAITING ──▶ ENDING ──▶ ENDED
 *   from QUIET and STARTED to ENDING too; from each but ENDED to RESET
 *
 * Back-pressure. In: a stream's window is given back for bytes that were handed
 * on, or belong to a message that was asked for; what was not asked for lies in
 * `kept`, no more than the window. Out: two messages or runs; nghttp2 asks for
 * bytes when the windows and the socket have room, and on_sent comes when the
 * socket has taken the last of a run. */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "base/ring.h"
#include "deframe.h"
#include "dialect.h"
#include "gather.h"
#include "grpc_text.h"
#include "headers.h"
#include "weir/interceptor.h"
#include "weir/loop.h"
#include "weir/stream.h"

struct conn;
struct outbox;

enum call_life { LIFE_HEADERS, LIFE_REQUEST, LIFE_ENTERING, LIFE_OPEN, LIFE_FINISHING, LIFE_OVER };
enum in_state { IN_OPEN, IN_ENDED, IN_SHUT };
enum out_state { OUT_QUIET, OUT_STARTED, OUT_WAITING, OUT_ENDING, OUT_ENDED, OUT_RESET };

/* A message on its way to the handler. */
struct incoming {
    struct bytes bytes; /* data == NULL: there is none */
    struct buf *own;    /* that they lie in; NULL: they are borrowed, for now */
    bool compressed;    /* it is to be unpacked */
};

struct call_in {
    enum in_state state;
    struct received_headers headers;
    enum grpc_encoding encoding;
    enum dialect_frames framing;
    struct deframer frames;
    struct gather gather; /* of a dialect whose messages have no heads */
    struct buf *kept;     /* bytes that nobody has asked for, behind kept_from */
    size_t kept_from;
    size_t debt;     /* bytes that the client may send again already, and that are still kept */
    uint32_t window; /* that the client was given; 0: nothing has come yet */
    struct incoming message;
    /* Of our side; the state is the client's. */
    bool wanted;  /* stream_read() */
    bool pumping; /* it is being handed on: stream_read() need not wake it */
};

/* A message or a run of them that waits. */
struct outgoing {
    struct buf *buf;
    size_t from, len, sent;
    size_t messages, passed; /* of a run; those that the interceptors let go */
    size_t passed_bytes;     /* those take so many */
    uint8_t head[STREAM_HEAD_BYTES];
    uint8_t head_len, head_sent; /* 0: the heads are in the buffer */
    bool coded;                  /* a dialect's, or packed away: there are no heads to go by */
    bool is_note;                /* a dialect's own, of which the handler does not know */
    unsigned flags;
};

/* A note, two of the handler's, and the last bytes of a dialect's body. */
#define OUT_QUEUE_MAX 4

struct call_out {
    enum out_state state;
    struct sent_headers headers, trailers;
    struct outgoing queue[OUT_QUEUE_MAX];
    unsigned queued;
    unsigned owed;        /* runs that went out whole, and on_sent is still to come */
    struct ring link;     /* on conn->sent while some are */
    bool status_passed;   /* the interceptors; messages may still be on their way then */
    bool started;         /* headers went before the status: a reset tells of it */
    bool recodes;         /* messages are packed, or become a dialect's: a run goes whole */
    bool closed;          /* the last bytes of a dialect's body are queued, or went out */
    bool ends_at_once;    /* with them, and nothing before */
    bool sized;           /* its head said how long the body is */
    uint8_t encodings;    /* that the client takes */
    uint64_t progress_ms; /* when something went out, or began to wait */
};

struct http_call {
    struct stream stream; /* first */
    struct conn *conn;
    struct ring link; /* of conn->calls */
    int32_t id;
    enum call_life life;
    const struct dialect *dialect;   /* NULL: gRPC's own */
    const struct protocol *protocol; /* the same */
    struct dialect_call spoken;      /* what they are called with */
    bool cross_origin;               /* from a page of another origin, which may */
    struct interception interception;
    struct call_in in;
    struct call_out out;
    struct status last; /* that it ends with */
    bool wrong;         /* it is known before the interceptors look, who may take long */
    uint64_t timeout_ms;
    bool has_timeout; /* the client's; else it may be the server's limit */
    struct timer deadline;
    struct task turn;  /* stream_read() outside of the pump */
    size_t held_bytes; /* that its connection knows of (pressure.h) */
};

static inline struct http_call *http_call_of(struct stream *s)
{
    return (struct http_call *)s;
}

/* --- http_call.c: life -------------------------------------------------------------- */

/** The only writer of c->life. */
void http_call_move(struct http_call *c, enum call_life next);

/** A call on this stream of @conn; on conn->calls. NULL: out of memory. */
struct http_call *http_call_new(struct conn *conn, int32_t id);

/** A request came whole, with the end behind it: the interceptors' turn. */
void http_call_enter(struct http_call *c);

/** The same for one whose status is known before anybody has looked at it. */
void http_call_enter_wrong(struct http_call *c, const struct status *why);

/** Ends it with @why, over whatever else was to end it: behind the message that is
 * on its way, if one is. What was not begun is dropped. */
void http_call_fail(struct http_call *c, const struct status *why);

/** The same, behind all that is queued. */
void http_call_end(struct http_call *c, const struct status *why);

/** The same for a client that may not read: if a message is half out the stream is
 * reset. */
void http_call_cut(struct http_call *c, const struct status *why);

/** Its stream is closed, or the connection is gone: tells the handler and frees
 * the call. */
void http_call_over(struct http_call *c);

/** Its answer is out; a client that has not ended its request after @ms is told to stop. */
void http_call_linger(struct http_call *c, uint64_t ms);

/** The server is about to stop. */
void http_call_drain(struct http_call *c);

/** Whether the handler may still do something with it. */
static inline bool http_call_is_open(const struct http_call *c)
{
    return c->life == LIFE_OPEN && !c->stream.finished;
}

/* --- call_accept.c ------------------------------------------------------------------ */

/** Its headers are complete; @ended: and so are its requests. */
void http_call_begin(struct http_call *c, bool ended);

/** Frees what its protocol holds of it. */
void call_forget_protocol(struct http_call *c);

/* --- call_in.c ---------------------------------------------------------------------- */

/** The only writer of c->in.state. */
void call_in_move(struct http_call *c, enum in_state next);

/** Bytes of the request came. */
void call_in_data(struct http_call *c, struct bytes data);

/** A call whose handler keeps up gets the window that its connection needs. */
void call_in_widen(struct http_call *c);

/** The client sends no more. */
void call_in_end(struct http_call *c);

/** Nobody will read any more. */
void call_in_shut(struct http_call *c);

/** What is borrowed from the connection's input is copied: it goes away. */
void call_in_settle(struct http_call *c);

/** The handler is there: hands on what it has asked for. */
void call_in_pump(struct http_call *c);

/** The method of one request was admitted: its message. */
void call_in_first(struct http_call *c);

void call_in_read(struct stream *s);
void call_in_resume(struct http_call *c, enum intercept verdict, const struct status *why);
void call_in_close(struct http_call *c);

/** Bytes that came and are not read. */
size_t call_in_held(const struct http_call *c);

/* --- call_out.c --------------------------------------------------------------------- */

int call_out_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags);
int call_out_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                      unsigned flags);

/** Sends a dialect's own @body, if nothing else is to be sent; see dialect_put(). */
bool call_out_note(struct http_call *c, struct bytes body);

/** c->last is what it ends with: goes out behind what is queued. */
void call_out_finish(struct http_call *c);

/** Drops what is queued and was not begun. */
void call_out_truncate(struct http_call *c);

/** Drops all that is queued. Returns whether the stream is between two messages, so
 * that a status may follow. */
bool call_out_drop(struct http_call *c);

/** It ended, one way or the other. */
static inline bool call_out_is_over(const struct http_call *c)
{
    return c->out.state >= OUT_ENDED;
}

/** Ends the stream without a status. */
void call_out_reset(struct http_call *c, uint32_t error_code);

/** The last of it was written. */
void call_out_ended(struct http_call *c);

/** The socket has taken what was written: on_sent for what is owed. */
void call_out_sent(struct http_call *c);

/** Bytes that wait to go out, with what its handler makes meanwhile. */
size_t call_out_held(const struct http_call *c);

/** Whether something waits for the client to read. */
bool call_out_waits(const struct http_call *c);

/** Goes on where an interceptor held a message, or the status. */
void call_out_resume(struct http_call *c, enum intercept_stage stage, enum intercept verdict,
                     const struct status *why);
void call_out_close(struct http_call *c);

/* What a session sends of a call, as it has room. */

/** So many bytes may go out now. */
size_t call_out_ready(const struct http_call *c);

/** Whether the body ends behind these. */
bool call_out_ends(const struct http_call *c);

/** Puts the next @len of them into @o. */
void call_out_take(struct http_call *c, struct outbox *o, size_t len);

/** Nothing is there, and it has not ended: ops->resume() tells when that changes. */
void call_out_wait(struct http_call *c);

/** The body ends with what is taken next, and trailers follow if it is gRPC's. false: out of
 * memory. */
bool call_out_end(struct http_call *c);

int call_out_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value);

/* --- call_head.c: the beginning and the end of an answer ---------------------------- */

/** The only writer of c->out.state. */
void out_move(struct http_call *c, enum out_state next);

/** Sends the head of an answer whose body follows. */
void call_head_start(struct http_call *c);

/** Sends all of an answer that has no body: headers and status. */
void call_head_only(struct http_call *c);

/** Sends gRPC's status behind a body. false: out of memory. */
bool call_head_trailers(struct http_call *c);

/** Queues the last bytes of a dialect's body, if it has some. */
void call_head_close(struct http_call *c);

/** Answers with @a, without a call. */
void call_answer(struct http_call *c, struct answer *a);

/** The same with a status of HTTP's alone, such as 415. */
void call_refuse(struct http_call *c, unsigned http_status);

/* --- call_recode.c: what messages become on their way out --------------------------- */

/** What they are packed with, "gzip" or "deflate"; NULL: they are not. */
const char *call_encoding(const struct http_call *c);

/** Whether call_recode() has to be asked. */
bool call_recodes(const struct http_call *c);

/** @m has passed: it becomes what goes out. false: out of memory. */
bool call_recode(struct http_call *c, struct outgoing *m);

/** The same for the last bytes of a dialect's body, which are no message. */
bool call_recode_tail(struct http_call *c, struct outgoing *m);

/** The message at @at of @m, which is not coded yet. */
struct bytes outgoing_message(const struct outgoing *m, size_t at);

#endif
