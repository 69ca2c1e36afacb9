/* Deletions by id, in the frame of writing.h.
 *
 * A request holds ids (its field 1). Ids that are not there are counted as missing, and so
 * is an id that comes a second time. Something that cannot be an id ends the call:
 * INVALID_ARGUMENT names the field, and nothing of that request is done.
 *
 * A deletion can be repeated: to delete what is deleted already changes nothing. */
#ifndef STREAMS_DELETE_H
#define STREAMS_DELETE_H

#include "store/store.h"
#include "weir/stream.h"
#include "writing.h"

/* Of one request: its records take a multiple of its bytes, and one batch is one commit. */
#define DELETE_IDS_MAX 10000

/* What a service deletes; method->data points to it. */
struct delete_kind {
    /** The store behind this loop. */
    struct store *(*store)(struct loop *loop);
};

/** The handler for a deletion whose requests decode as @request_type, for a
 * method's table. */
/* clang-format off */
#define DELETE_HANDLER(request_type)                                                               \
    {                                                                                              \
        .message = (request_type), .on_open = delete_on_open, WRITING_STEPS,                       \
    }
/* clang-format on */

void delete_on_open(struct stream *s);

#endif
