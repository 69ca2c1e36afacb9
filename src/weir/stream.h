/* A stream: one call, seen from either end.
 *
 * All four call shapes look the same here: messages come in, messages go out,
 * and one status ends it. What implements a stream - a server's call, a
 * client's call, or a fake in a test - is behind `struct stream_ops`; what
 * uses it is a `struct stream_handler`. Neither sees the other's insides, and
 * this header knows nothing of gRPC or libuv.
 *
 * Back-pressure is the only way it works:
 *   in   a message arrives only after stream_read(), one for each
 *   out  a stream holds at most two messages, one on its way and one waiting;
 *        stream_send() answers EAGAIN beyond, and on_sent tells of room
 *
 * The life of a stream, as its handler sees it:
 *
 *   on_open -> { on_message | on_end | on_sent }... -> on_close
 *
 * on_open is for servers (the client opened the stream itself). on_close comes
 * exactly once and last, never from inside a stream_ function. Everything runs
 * on the loop's thread. */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "interceptor.h"
#include "status.h"

struct arena;
struct identity;
struct loop;
struct message_rules;
struct method;
struct stream;

enum stream_flag {
    /* Another message follows at once: the transport may wait for it and
     * write both with one system call. Never on the last one that is ready:
     * it would stay unsent. */
    STREAM_MORE = 1,
    /* My last message: stream_finish(OK) included, in the same write. */
    STREAM_LAST = 2,
    /* Not compressed, though the call's messages are. For secrets beside what
     * the peer can choose: their common size would tell (BREACH). */
    STREAM_PLAIN = 4,
};

/* Where metadata goes. Names are in lower case; those that end in "-bin" may
 * have any bytes. */
enum metadata_place {
    METADATA_HEADERS,  /* a client's before its first message, a server's before its first */
    METADATA_TRAILERS, /* a server's, with the status */
};

struct stream_handler {
    /* What messages that come in are decoded as; NULL: not at all. */
    const ProtobufCMessageDescriptor *message;

    /* A server's: what must hold of requests (rules.h); NULL: anything goes. */
    const struct message_rules *rules;

    /** Server: a call arrived. Set stream->data; call stream_read() when ready
     * for messages. A method that takes one request is not opened before it is
     * there, and gets it without asking, right after on_open. May be NULL. */
    void (*on_open)(struct stream *s);

    /** A message that was asked for: @message if the handler names a
     * descriptor, else NULL; @bytes as received. Both are gone when this
     * returns: copy what you keep. */
    void (*on_message)(struct stream *s, const ProtobufCMessage *message, struct bytes bytes);

    /** A message was asked for and the peer will send no more. A server's
     * stream then waits for stream_finish(); a client's for its status. May be
     * NULL. */
    void (*on_end)(struct stream *s);

    /** There is room for one more stream_send(). May be NULL. */
    void (*on_sent)(struct stream *s);

    /** The server is about to stop: end a stream that is idle or has no end of
     * its own; one with an answer in progress may finish it. May be NULL. */
    void (*on_drain)(struct stream *s);

    /** The stream is over. On the client @status is what the server said; on
     * the server it is what was sent, or CANCELLED if the client went away.
     * Forget @s: it is freed after this. May be NULL. */
    void (*on_close)(struct stream *s, const struct status *status);
};

struct stream_ops {
    void (*read)(struct stream *s);
    int (*send)(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags);
    int (*send_run)(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                    unsigned flags);
    void (*finish)(struct stream *s, const struct status *status);
    /* Goes on with what an interceptor held; see interceptor_resume(). May be
     * NULL: such a stream has no interceptors. */
    void (*resume)(struct stream *s, enum intercept_stage stage, enum intercept verdict,
                   const struct status *why);
    /* May be NULL: such a stream has no metadata. */
    struct bytes (*get)(struct stream *s, enum metadata_place place, const char *name);
    int (*put)(struct stream *s, enum metadata_place place, const char *name, struct bytes value);
    /* May be NULL: only names that one knows can be asked for. */
    bool (*get_nth)(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value);
    /* May be NULL: nobody knows. */
    void (*peer)(struct stream *s, char *to, size_t room);
};

/* What went one way. Its messages and their bytes are counted by the
 * implementation. A handler may count the records that are in them, whatever
 * it takes for one. */
struct traffic {
    uint64_t messages, bytes, records;
    uint64_t first_ns; /* the first message, clock_ns(); 0: none yet */
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_handler *on;
    struct loop *loop;
    const struct method *method; /* server: what is called; client: NULL */
    const char *path;            /* "/v1.user.User/GetUser" */
    const char *protocol;        /* server: what the client speaks, "grpc"; NULL: only gRPC can be
                                    meant */
    struct identity *identity;   /* server: who calls (identity.h), with a reference of the
                                    stream's own; NULL: nobody has asked */
    void *data;                  /* the handler's own */
    struct arena *arena;         /* what messages are decoded into */
    uint64_t began_ns, ended_ns; /* clock_ns(); for interceptors */
    struct traffic in, out;
    const void *context; /* server: what one of its interceptors has for the others, and for
                            the handler; that one gives a typed way to it. NULL: nothing */
    bool compressed;     /* how the message in on_message came */
    bool finished;       /* stream_finish() was called; set by the implementation */
};

/** Asks for the next message: on_message or on_end follows, once, later; or
 * on_close, if the stream ends first. One at a time. Nothing happens on a
 * stream that is finished with an error. */
static inline void stream_read(struct stream *s)
{
    s->ops->read(s);
}

/** Sends bytes [from, from + len) of @b as one message. The stream takes its
 * own reference to @b.
 *   0        it will go out in order, unless the stream fails
 *   EAGAIN   two messages wait already; on_sent tells when to try again
 *   EPIPE    the stream is finished
 *   ENOMEM */
static inline int stream_send(struct stream *s, struct buf *b, size_t from, size_t len,
                              unsigned flags)
{
    return s->ops->send(s, b, from, len, flags);
}

/* In front of each message of a run, as on the wire: a flag, which is 0 here,
 * and the length of the message, big-endian. */
#define STREAM_HEAD_BYTES 5

/** Sends @messages in a row, which lie back to back in bytes [from, from + len)
 * of @b, each behind its head. They count as one: there may be two runs, or
 * messages, at a time, and one on_sent tells that the whole run went out. For
 * many small messages this costs a fraction of a stream_send() for each. Returns
 * what stream_send() does. */
static inline int stream_send_run(struct stream *s, struct buf *b, size_t from, size_t len,
                                  size_t messages, unsigned flags)
{
    return s->ops->send_run(s, b, from, len, messages, flags);
}

/** Writes the head of a message of @len bytes. */
static inline void stream_put_head(uint8_t to[STREAM_HEAD_BYTES], size_t len)
{
    to[0] = 0;
    to[1] = (uint8_t)(len >> 24);
    to[2] = (uint8_t)(len >> 16);
    to[3] = (uint8_t)(len >> 8);
    to[4] = (uint8_t)len;
}

/** This side is done.
 *   server, any status  what was sent before goes out, then the status
 *   client, OK          half-close: no more messages from here
 *   client, other       the call is cancelled; on_close gets this status
 * Later calls do nothing, but for a client's cancel after its half-close. */
static inline void stream_finish(struct stream *s, const struct status *status)
{
    s->ops->finish(s, status);
}

/** stream_finish() with a formatted message. */
__attribute__((format(printf, 3, 4))) void stream_fail(struct stream *s, enum status_code code,
                                                       const char *format, ...);

/** The same with a reason: see status_because(). */
__attribute__((format(printf, 4, 5))) void stream_fail_because(struct stream *s,
                                                               enum status_code code,
                                                               const char *reason,
                                                               const char *format, ...);

/** The same, for INVALID_ARGUMENT: see status_invalid(). */
__attribute__((format(printf, 4, 5))) void
stream_fail_field(struct stream *s, const char *field, const char *reason, const char *format, ...);

/** The same with status_no_memory(), and with status_stopping(). */
void stream_fail_memory(struct stream *s);
void stream_fail_stopping(struct stream *s);

/** For on_open: @bytes of zeroed memory, which s->data is from now on and on_close
 * gives to free(). NULL, and so is s->data: the call has failed. */
void *stream_new_data(struct stream *s, size_t bytes);

/** Packs @message and sends it. As stream_send(). */
int stream_send_message(struct stream *s, const ProtobufCMessage *message, unsigned flags);

/** Metadata that came from the peer: the first value of this name; data == NULL:
 * there is none. A server's request headers are there from on_open on, a
 * client's response headers from the first on_message on, its trailers in
 * on_close. The bytes are the stream's. */
struct bytes stream_get(struct stream *s, enum metadata_place place, const char *name);

/** The same for whoever wants all of it: entry @n, from 0. false: there are no more, or this
 * stream does not list them, as a server's does not. */
bool stream_get_nth(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value);

/** Adds metadata to be sent; copied. A server's headers go out with its first
 * message, or the status; a client's on the round after it was opened.
 * Returns 0, ENOMEM; EINVAL: gRPC does not allow this name or value; EPIPE: it
 * is too late; ENOTSUP: this stream has none. */
int stream_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value);

/** Writes who is at the other end ("ipv4:127.0.0.1:5000", "unix:") to @to, cut
 * to @room; "" if nobody knows. Until on_close returns. */
void stream_peer(struct stream *s, char *to, size_t room);

/* --- For implementations ------------------------------------------------------------ */

/** So many messages went one way, of so many bytes together. */
static inline void traffic_count(struct traffic *t, size_t messages, size_t bytes)
{
    if (t->messages == 0)
        t->first_ns = clock_ns();
    t->messages += messages;
    t->bytes += bytes;
}

/** Hands a received message to the handler, decoded if it wants that. What
 * cannot be decoded fails the stream: INVALID_ARGUMENT on a server, INTERNAL
 * on a client; RESOURCE_EXHAUSTED if it takes more than 32 MiB decoded
 * (protobuf-c turns 4 MiB of empty sub-messages into 218 MiB). So does one whose
 * messages lie too deep in one another (nesting.h): the stack is not endless. */
void stream_deliver(struct stream *s, struct bytes bytes);

/** Tells a server's handler of the call. */
static inline void stream_deliver_open(struct stream *s)
{
    if (s->on->on_open != NULL)
        s->on->on_open(s);
}

/** Tells the handler that no more will come. */
static inline void stream_deliver_end(struct stream *s)
{
    if (s->on->on_end != NULL)
        s->on->on_end(s);
}

/** Tells the handler that the stream is over. */
static inline void stream_deliver_close(struct stream *s, const struct status *status)
{
    if (s->on->on_close != NULL)
        s->on->on_close(s, status);
}

#endif
