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

/* Who reads one; lives in s->data, zeroed. */
struct record_get {
    const struct record_kind *kind;
    struct stream *stream;
    struct reader *reader;
    struct store_fetch fetch;
    char id[STORE_ID_MAX + 1];
};

/** Reads the record with g->id in a step of its own, and hands it to kind->found, at once or
 * when it was fetched; else the call has failed: there is none, or the store cannot be
 * read. kind, stream, reader and id are set. It may be called again. */
void get_record(struct record_get *g);

/** For on_close. */
void get_record_close(struct record_get *g);

#endif
