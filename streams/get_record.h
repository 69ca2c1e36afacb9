/* One record by its id: what GetPost and GetUser have in common. */
#ifndef STREAMS_GET_RECORD_H
#define STREAMS_GET_RECORD_H

#include "base/bytes.h"
#include "store/store.h"
#include "weir/stream.h"

struct record_kind {
    const char *name;   /* "post" */
    const char *reason; /* "POST_NOT_FOUND" */
    /* The record, as it is stored; its bytes are there only during the call. */
    void (*found)(struct stream *s, struct bytes record);
};

/** Reads it in a step of its own, and hands it to kind->found; else the call has
 * failed: there is none, or the store cannot be read. */
void get_record(struct stream *s, struct reader *reader, const char *id,
                const struct record_kind *kind);

#endif
