/* Imports: many requests, one response.
 *
 * A request holds records (its field 1). Those that pass the kind's check go to
 * the store's writer as one batch; the others are counted, and the first 100
 * of them named in the response. Nothing of that stops the call. What ends it
 * early is a commit that fails.
 *
 *   request -> decoded -> checked -> batch -> committed -> counted
 *
 * Back-pressure: at most IMPORT_BATCHES batches and about IMPORT_BYTES of a
 * call are with the writer (several, so that they share a commit), and the next
 * request is read when there is room. The response says that all is durable.
 * If the client goes away, batches under way are still finished: the call's
 * memory goes with the last of them.
 *
 * Upserts make an import repeatable, so a client that lost its call does it
 * again. There is nothing to do on drain: an import that makes no end is ended
 * by the server's timeout. */
#ifndef STREAMS_IMPORT_H
#define STREAMS_IMPORT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "store/store.h"
#include "weir/status.h"
#include "weir/stream.h"

#define IMPORT_BATCHES    32
#define IMPORT_BYTES      ((size_t)8 << 20)
#define IMPORT_ERRORS_MAX 100

/* What a service imports; method->data points to it. */
struct import_kind {
    const char *id_name;    /* what a record's id is called in messages: "post_id" */
    const char *group_name; /* what its group is called: "user" */

    /** Checks a decoded record whose strings are known to be text, sets ret's
     * group and id (they may point into the record), and takes out of the
     * record what is not to be stored. false: rejected, *why tells. */
    bool (*check)(ProtobufCMessage *record, struct write_record *ret, struct status *why);

    /** The store behind this loop. */
    struct store *(*store)(struct loop *loop);

    /** Records of this batch are new or changed, as their results say, and
     * durable. On the loop, also after the client is gone. May be NULL. */
    void (*changed)(struct loop *loop, const struct write_batch *batch);
};

/** The handler for an import whose requests decode as @request_type, for a
 * method's table. */
/* clang-format off */
#define IMPORT_HANDLER(request_type)                                                               \
    {                                                                                              \
        .message = (request_type), .on_open = import_on_open, .on_message = import_on_message,     \
        .on_end = import_on_end, .on_close = import_on_close,                                      \
    }
/* clang-format on */

void import_on_open(struct stream *s);
void import_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes);
void import_on_end(struct stream *s);
void import_on_close(struct stream *s, const struct status *status);

/** Whether an id has 1 to STORE_ID_MAX bytes; if not, *why names @field. */
bool import_check_id(const char *field, const char *id, struct status *why);

#endif
