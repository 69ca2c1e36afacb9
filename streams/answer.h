/* Building response messages in a buffer: records, and the fields after them.
 *
 * They are written by the numbers of their fields, which the responses of all
 * listings share, and those of all imports, whatever their types.
 *
 * A chunk is a buffer with whole messages in it, back to back, each behind its
 * head: what stream_send_run() takes. */
#ifndef STREAMS_ANSWER_H
#define STREAMS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "weir/status.h"

struct chunk {
    struct buf *buf;     /* NULL: nothing was put yet */
    size_t expect_bytes; /* what buf is made for; it grows beyond */
    size_t messages;     /* whole ones, and the records in them */
    size_t records;
    size_t last_bytes; /* of the last message, with its head */
    bool handed;       /* to the stream */
};

/** Frees what the chunk holds and leaves it empty. */
void chunk_clear(struct chunk *c);

static inline bool chunk_empty(const struct chunk *c)
{
    return c->messages == 0;
}

/* The message that is being built at the end of a chunk's buffer. */
struct draft {
    size_t from;       /* where its head begins */
    size_t records;    /* in it */
    size_t deleted;    /* ids of deleted ones in it */
    struct buf *extra; /* encoded fields that follow the records; may be NULL */
};

static inline bool draft_is_empty(const struct draft *d)
{
    return d->records == 0 && d->deleted == 0;
}

/* The fields after the records. */
struct trailer {
    struct bytes token;
    int32_t request_index;
    bool last;
    uint64_t total_size;
    bool caught_up;
    bool plain; /* only the token */
};

/* All of these return false when out of memory. */

/** Adds a RequestError to @b as one of this @field. *b may be NULL. */
bool answer_put_error(struct buf **b, unsigned field, int32_t request_index, enum status_code why,
                      const char *message);

/** A record (field 1), with its author (field 2 of the record) if not empty. */
bool draft_put_record(struct draft *d, struct chunk *c, struct bytes record, struct bytes author);

/** Adds to unresolved_user_ids. */
bool draft_put_unresolved(struct draft *d, struct bytes user_id);

/** Adds to the ids of deleted records. */
bool draft_put_deleted(struct draft *d, struct bytes id);

/** Adds to errors. */
bool draft_put_error(struct draft *d, int32_t request_index, const struct status *status);

/** Ends the message: it is whole now and in the chunk, and the draft is the
 * next message behind it. */
bool draft_close(struct draft *d, struct chunk *c, const struct trailer *t);

/** How many bytes the draft has so far, without its head. */
size_t draft_bytes(const struct draft *d, const struct chunk *c);

void draft_clear(struct draft *d);

#endif
