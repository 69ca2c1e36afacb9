/* Calls that write: many requests and one response, whatever they ask for. This is the
 * frame. Its content, a writing_content, is an import (import.h) or a deletion
 * (delete.h).
 *
 *   request -> decoded -> batch of the content -> committed -> counted by the content
 *
 * Back-pressure: at most WRITING_BATCHES batches and about WRITING_BYTES of a call are
 * with the store's writer. There are several, so that they share a commit. The next
 * request is read when there is room. The response says that everything is durable.
 *
 * A commit that fails ends the call early, and so does a request that the content
 * refuses. What was committed before stays, and batches under way are still finished,
 * even if the client goes away. The memory of the call is freed with the last of them.
 *
 * What is written can be written again, so a client that lost its call makes it anew.
 * There is nothing to do on drain: a call that does not end is ended by the server's
 * timeout. */
#ifndef STREAMS_WRITING_H
#define STREAMS_WRITING_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/buf.h"
#include "store/store.h"
#include "weir/status.h"
#include "weir/stream.h"

#define WRITING_BATCHES 32
#define WRITING_BYTES   ((size_t)8 << 20)

struct writing;

/* One request's records on their way through the store; the content's struct begins
 * with it. */
struct writing_batch {
    struct write_batch batch;
    uint8_t *data; /* what the records point to, of malloc(); or NULL */
    size_t bytes;  /* that it takes, all in all */
    struct writing *writing;
};

/* What a content does. All on the loop. */
struct writing_content {
    size_t bytes; /* of a call's struct, which begins with a struct writing */

    /** The batch for a request, of malloc(), with copies of what it needs of it; the
     * strings of @request are not known to be text. NULL: *why, OK when this is called,
     * tells why the call ends; still OK: there is nothing to write. */
    struct writing_batch *(*batch)(struct writing *w, const ProtobufCMessage *request,
                                   struct bytes raw, struct status *why);

    /** Whether the batch has to wait for something else before it is written; then comes
     * writing_go_on(), later, and until then no request is read. May be NULL: none has. */
    bool (*hold)(struct writing *w, struct writing_batch *b);

    /** It waits no more, for the call is closed. With hold only. */
    void (*unhold)(struct writing *w);

    /** Counts what became of the records of a batch that is durable. */
    void (*count)(struct writing *w, const struct writing_batch *b);

    /** The response. NULL: out of memory. */
    struct buf *(*response)(const struct writing *w);

    /** Gives back what the call's struct points to. May be NULL. */
    void (*close)(struct writing *w);
};

/* A call. */
struct writing {
    struct stream *stream; /* read-only: NULL once it is closed */

    const struct writing_content *content; /* private, as the rest */
    struct store *(*store)(struct loop *loop);
    struct write_sequence sequence;
    struct writing_batch *held; /* waits, as hold() has it; NULL: none does */
    size_t batches;             /* with the writer, and the memory they take */
    size_t bytes;
    bool reading, ended;
    bool over; /* answered, or failed */
};

/** For on_open: begins a call that writes to the store which @store names for its loop.
 * Returns the call's struct, zeroed behind the struct writing; NULL: the call has
 * failed. */
struct writing *writing_open(struct stream *s, const struct writing_content *content,
                             struct store *(*store)(struct loop *loop));

/* The rest of a handler. */
#define WRITING_STEPS                                                                              \
    .on_message = writing_on_message, .on_end = writing_on_end, .on_close = writing_on_close

void writing_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes);
void writing_on_end(struct stream *s);
void writing_on_close(struct stream *s, const struct status *status);

/* --- For contents ------------------------------------------------------------------- */

/** What the batch that is held has waited for is there. It is written now, or dropped if
 * nothing of it is left. */
void writing_go_on(struct writing *w);

/** Ends the call early with @why. A batch that is held is dropped. May free @w. */
void writing_fail(struct writing *w, const struct status *why);

/** Field 1 of a request, a repeated one of messages or strings: where the pointers to
 * them begin. */
const void *writing_list(const ProtobufCMessage *request, size_t *ret_n);

/** Frees a batch that will not be written after all. NULL is fine. */
void writing_batch_free(struct writing_batch *b);

/** Copies @b to @to and points it there. Returns what is behind. */
uint8_t *writing_keep(uint8_t *to, struct bytes *b);

/** Appends a count of a response. false: out of memory. */
bool writing_put_count(struct buf *b, unsigned field, int64_t n);

#endif
