/* Imports: upserts, in the frame of writing.h.
 *
 * A request holds records (its field 1). Those that pass the kind's check go to the
 * store's writer as one batch; the others are counted, and the first 100 of them named in
 * the response. Nothing of that stops the call.
 *
 * Where a request asks for it, a batch waits until User has said which of its users exist
 * (import_users.h).
 *
 * Because records are upserted, an import can be repeated: the same import again changes
 * nothing. */
#ifndef STREAMS_IMPORT_H
#define STREAMS_IMPORT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "store/store.h"
#include "weir/status.h"
#include "weir/stream.h"
#include "writing.h"

#define IMPORT_ERRORS_MAX 100

struct resolver;

/* What to do about records whose group is a user that User does not know. */
enum unknown_users { UNKNOWN_STORE, UNKNOWN_COUNT, UNKNOWN_REJECT };

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

    /** What the request wants of unknown users, and who knows them. NULL: groups are no
     * users. */
    enum unknown_users (*unknown)(const ProtobufCMessage *request);
    struct resolver *(*resolver)(struct loop *loop);
};

/** The handler for an import whose requests decode as @request_type, for a
 * method's table. */
/* clang-format off */
#define IMPORT_HANDLER(request_type)                                                               \
    {                                                                                              \
        .message = (request_type), .on_open = import_on_open, WRITING_STEPS,                       \
    }
/* clang-format on */

void import_on_open(struct stream *s);

/** Whether an id has 1 to STORE_ID_MAX bytes; if not, *why names @field. */
bool import_check_id(const char *field, const char *id, struct status *why);

#endif
