/* The requests of a load, as bytes, and what its responses hold, without
 * decoding either: the client is not to be what is measured. */
#ifndef CLI_BENCH_REQUEST_H
#define CLI_BENCH_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "bench_plan.h"

struct stats;

/* Read-only once it is made: any thread. */
struct requests {
    const struct bench_plan *plan;
    struct buf *tail;  /* a listing's request but for its user */
    struct buf **post; /* import: records but for their two ids */
    uint64_t nposts;
};

/** Returns 0, or ENOMEM with nothing left to close. */
int requests_init(struct requests *r, const struct bench_plan *plan);
void requests_close(struct requests *r); /* fine if zeroed */

/** The next request message of a call: about item number @item of the run (a
 * user, or a post to import) and those after it, @left at most; *@ret_items
 * says how many. The caller's; NULL: out of memory. */
struct buf *requests_make(const struct requests *r, uint64_t item, uint64_t left,
                          uint64_t *ret_items);

/* What a response message held. */
struct response {
    uint64_t posts;    /* or names; import: stored, or known already */
    bool last;         /* the answer to one request ends here */
    uint64_t rejected; /* import: records */
    uint64_t errors;   /* requests that failed, names that are not known, records rejected */
};

/** Reads a response, and counts the errors in it in @stats. false: these bytes
 * are no such message. */
bool response_read(const struct bench_plan *plan, struct bytes bytes, struct stats *stats,
                   struct response *ret);

#endif
