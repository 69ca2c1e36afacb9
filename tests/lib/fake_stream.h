/* A stream without a network: a test plays the peer and the transport.
 *
 * It keeps the contract of weir/stream.h to the letter and fails the test
 * when its user does not: a second stream_read() while one is outstanding, a
 * send after STREAM_LAST or stream_finish(), a run whose heads are wrong, a sent
 * part of a buffer that changes before it is gone, any use after on_close.
 *
 * No callback is made from inside a stream_ function or a fake_stream_ one:
 * all come from a task on the loop. So a test acts and then turns the loop
 * (LOOP_UNTIL, loop_turns).
 *
 * The stream's memory lives until fake_stream_free(), so what happened can
 * still be read after on_close. Loop thread only. */
#ifndef TESTS_FAKE_STREAM_H
#define TESTS_FAKE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/container.h"
#include "weir/loop.h"
#include "weir/server.h"
#include "weir/stream.h"

#define FAKE_QUEUE_MAX 2 /* messages, or runs of them, that a stream holds, as the real ones */

struct fake_message {
    struct buf *buf; /* NULL once it went out */
    size_t from;
    size_t behind;      /* messages of its run that follow; 0: the last, or a single one */
    unsigned flags;     /* of a run: STREAM_LAST is the last one's */
    struct bytes bytes; /* as they were when they were sent; owned */
    struct fake_message *next;
};

struct fake_queue {
    struct fake_message *first, **end;
    size_t n;
};

struct fake_stream {
    struct stream s; /* what the code under test gets */

    bool burst; /* set it: what is asked for comes in one round, as from one read of a
                   socket, and not a message a round */

    /* What the code under test did; read-only. */
    struct fake_queue out;  /* accepted by stream_send() or _run(), held back for now */
    size_t held;            /* how many those are, a run being one */
    struct fake_queue sent; /* went out, in order */
    size_t reads;           /* messages asked for so far */
    bool reading;           /* one of them is outstanding */
    bool last_sent;         /* STREAM_LAST was accepted */
    bool half_closed;       /* client: stream_finish(OK) or STREAM_LAST */
    struct status status;   /* server: what it was finished with; s.finished tells */
    bool closed;            /* on_close was called, with: */
    struct status close_status;

    /* Private. */
    struct task work;
    bool server, one_request;
    bool opening, ended, window_closed, draining, closing;
    struct status closing_with;
    struct fake_queue in;
};

/* --- Opening ------------------------------------------------------------------------ */

/** Server: a call of @method arrives; on_open follows. For a method of one
 * request use fake_stream_request(). Fails the test when out of memory, as
 * everything here. fake_stream_free() it. */
struct fake_stream *fake_stream_open(struct loop *loop, const struct method *method);

/** Server: a call of a method with one request arrives. It gets @request,
 * which is copied, right after on_open and without asking. */
struct fake_stream *fake_stream_request(struct loop *loop, const struct method *method,
                                        struct bytes request);

/** Client: what channel_open() or a resolver_dial would return is &f->s. */
struct fake_stream *fake_stream_dial(struct loop *loop, const struct stream_handler *handler,
                                     void *data);

/** Frees it, whether it was closed or not; no callback comes any more. NULL is
 * fine. */
void fake_stream_free(struct fake_stream *f);

static inline struct fake_stream *fake_stream_of(struct stream *s)
{
    return container_of(s, struct fake_stream, s);
}

/* --- The peer ----------------------------------------------------------------------- */

/** The peer sends a message; delivered once it is asked for. Copied. */
void fake_stream_push(struct fake_stream *f, struct bytes message);
void fake_stream_push_message(struct fake_stream *f, const ProtobufCMessage *message);

/** The peer will send no more: on_end once that is asked for. */
void fake_stream_end(struct fake_stream *f);

/** The stream is over. Client: the server's status, after the messages that
 * were pushed before have been read; what was not sent yet is lost. Server:
 * the client is gone, at once; @code should be CANCELLED. */
void fake_stream_close(struct fake_stream *f, enum status_code code, const char *message);

/** The connection broke: as fake_stream_close(), and unread messages are lost. */
void fake_stream_break(struct fake_stream *f, enum status_code code, const char *message);

/** The server is about to stop: on_drain. */
void fake_stream_drain(struct fake_stream *f);

/* --- The transport ------------------------------------------------------------------ */

/** Closed: nothing goes out, so the third stream_send() gets EAGAIN. Open
 * (as it is at first): what waits goes out, one on_sent for each message or
 * run. */
void fake_stream_window(struct fake_stream *f, bool open);

/* --- What was sent ------------------------------------------------------------------ */

/** The @i-th message that went out, from 0; the test fails if there is none. */
const struct fake_message *fake_stream_sent(const struct fake_stream *f, size_t i);

/** The @i-th message decoded; protobuf_c_message_free_unpacked(it, NULL). */
ProtobufCMessage *fake_stream_sent_message(const struct fake_stream *f, size_t i,
                                           const ProtobufCMessageDescriptor *type);

#endif
