/* A stream: one call, seen from either end.
 *
 * All four shapes of calls look the same here: messages come in, messages go
 * out, and one status ends the call. `struct stream_ops` is what implements a
 * stream: a server's call, a client's call, or a fake in a test. A `struct
 * stream_handler` is what uses it. Neither sees the insides of the other, and
 * this header knows nothing of gRPC or libuv.
 *
 * There is no way round back-pressure:
 *   in   one message arrives for each stream_read(), and none without it
 *   out  a stream holds at most two messages: one is on its way, and one
 *        waits. Beyond that stream_send() answers EAGAIN, and on_sent says
 *        when there is room
 *
 * The life of a stream, as its handler sees it:
 *
 *   on_open -> { on_message | on_end | on_sent }... -> on_close
 *
 * on_open comes on servers only, because a client opens the stream itself.
 * on_close comes exactly once and last, and never from inside a stream_
 * function. Everything runs on the loop's thread. */
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
    /* Another message follows at once, so the transport may wait for it and
     * write both with one system call. Do not set it on the last message that
     * is ready: that one would stay unsent. */
    STREAM_MORE = 1,
    /* This is the last message. stream_finish(OK) is included, and goes out
     * in the same write. */
    STREAM_LAST = 2,
    /* This message is not compressed, though the call's messages are. It is
     * for secrets beside text that the peer can choose: the size of both
     * compressed together would reveal the secret (BREACH). */
    STREAM_PLAIN = 4,
};

/* Where metadata goes. Names are in lower case; those that end in "-bin" may
 * have any bytes. */
enum metadata_place {
    METADATA_HEADERS,  /* a client's before its first message, a server's before its first */
    METADATA_TRAILERS, /* a server's, with the status */
};

struct stream_handler {
    /* The type that incoming messages are decoded as. NULL: they are not decoded. */
    const ProtobufCMessageDescriptor *message;

    /* On a server: the rules for requests (rules.h). NULL: there are none. */
    const struct message_rules *rules;

    /** On a server: a call arrived. Set stream->data, and call stream_read()
     * when you are ready for messages. A call with one request is not opened
     * before that request is there. It comes right after on_open, without
     * being asked for. May be NULL. */
    void (*on_open)(struct stream *s);

    /** A message that was asked for. @message is the decoded one, or NULL if
     * the handler names no descriptor. @bytes are as received. Both are gone
     * when this returns, so copy what you keep. */
    void (*on_message)(struct stream *s, const ProtobufCMessage *message, struct bytes bytes);

    /** A message was asked for, and the peer will send no more. Then the stream
     * of a server waits for stream_finish(), and that of a client waits for its
     * status. May be NULL. */
    void (*on_end)(struct stream *s);

    /** There is room for one more stream_send(). May be NULL. */
    void (*on_sent)(struct stream *s);

    /** The server is about to stop. End a stream that is idle, or that has no
     * end of its own. A stream with an answer in progress may finish it. May be
     * NULL. */
    void (*on_drain)(struct stream *s);

    /** The stream is over. On a client @status is what the server said. On a
     * server it is what was sent, or CANCELLED if the client went away. Forget
     * @s, which is freed after this. May be NULL. */
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
    /* May be NULL: then only single names can be asked for. */
    bool (*get_nth)(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value);
    /* May be NULL: then the peer is not known. */
    void (*peer)(struct stream *s, char *to, size_t room);
};

/* What went in one direction. The implementation counts messages and their
 * bytes. A handler may count the records in them, whatever it takes for a
 * record. */
struct traffic {
    uint64_t messages, bytes, records;
    uint64_t first_ns; /* time of the first message, clock_ns(); 0: none yet */
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

/** Asks for the next message. Later, once, on_message or on_end follows, or
 * on_close if the stream ends first. Ask for one message at a time. On a stream
 * that is finished with an error nothing happens. */
static inline void stream_read(struct stream *s)
{
    s->ops->read(s);
}

/** Sends bytes [from, from + len) of @b as one message. The stream takes its
 * own reference to @b. Returns
 *   0        the message will go out in order, unless the stream fails
 *   EAGAIN   two messages wait already; on_sent says when to try again
 *   EPIPE    the stream is finished
 *   ENOMEM   there is no memory */
static inline int stream_send(struct stream *s, struct buf *b, size_t from, size_t len,
                              unsigned flags)
{
    return s->ops->send(s, b, from, len, flags);
}

/* The head of each message of a run is as on the wire: a flag, which is 0 here,
 * and the length of the message, big-endian. */
#define STREAM_HEAD_BYTES 5

/** Sends a run of @messages. They lie one behind the other in bytes [from,
 * from + len) of @b, and each has its head before it. A run counts as one
 * message: there may be two at a time, and one on_sent says that the whole run
 * went out. For many small messages this costs a fraction of what a
 * stream_send() for each would cost. Returns what stream_send() does. */
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
 *   server, any status  what was sent before goes out, and then the status
 *   client, OK          half-close: no more messages come from here
 *   client, other       the call is cancelled, and on_close gets this status
 * Later calls do nothing, except that a client may cancel after its half-close. */
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

/** For on_open: returns @bytes of zeroed memory, and sets s->data to it. on_close
 * must free() it. NULL: there is no memory, s->data is NULL, and the call has
 * failed. */
void *stream_new_data(struct stream *s, size_t bytes);

/** Packs @message and sends it. Returns what stream_send() does. */
int stream_send_message(struct stream *s, const ProtobufCMessage *message, unsigned flags);

/** Metadata that came from the peer: the first value of this name. If there is
 * none, its data is NULL. Request headers are there from on_open on. Response
 * headers are there from the first on_message on, and trailers in on_close. The
 * bytes belong to the stream. */
struct bytes stream_get(struct stream *s, enum metadata_place place, const char *name);

/** The same for all metadata, entry by entry: @n begins with 0. false: there are no more, or this
 * stream does not list them. The stream of a server does not. */
bool stream_get_nth(struct stream *s, enum metadata_place place, size_t n, struct bytes *ret_name,
                    struct bytes *ret_value);

/** Adds metadata to send, and copies it. The headers of a server go out with its
 * first message or the status. Those of a client go out on the round after the
 * call was opened. Returns 0, or ENOMEM, or EINVAL if gRPC does not allow this
 * name or value, or EPIPE if it is too late, or ENOTSUP if this stream has no
 * metadata. */
int stream_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value);

/** Writes who is at the other end ("ipv4:127.0.0.1:5000", "unix:") to @to, cut
 * to @room bytes. It writes "" if that is not known. It works until on_close
 * returns. */
void stream_peer(struct stream *s, char *to, size_t room);

/* --- For implementations ------------------------------------------------------------ */

/** Counts messages that went one way, and their bytes together. */
static inline void traffic_count(struct traffic *t, size_t messages, size_t bytes)
{
    if (t->messages == 0)
        t->first_ns = clock_ns();
    t->messages += messages;
    t->bytes += bytes;
}

/** Hands a received message to the handler, decoded if the handler wants that.
 * A message that cannot be decoded fails the stream with INVALID_ARGUMENT on a
 * server, and with INTERNAL on a client. So does one whose messages are nested
 * too deep (nesting.h), because the stack is not endless. A message that takes
 * more than 32 MiB when it is decoded is RESOURCE_EXHAUSTED: protobuf-c turns 4
 * MiB of empty sub-messages into 218 MiB. */
void stream_deliver(struct stream *s, struct bytes bytes);

/** Tells a server's handler of the call. */
static inline void stream_deliver_open(struct stream *s)
{
    if (s->on->on_open != NULL)
        s->on->on_open(s);
}

/** Tells the handler that no more messages will come. */
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
