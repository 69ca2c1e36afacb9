/* One request of a listing: checked, and with a cursor into the store. */
#ifndef STREAMS_QUERY_H
#define STREAMS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "listing.h"
#include "lookahead.h"
#include "store/store.h"
#include "weir/status.h"

struct listing;

struct query {
    struct listing *l;
    int32_t index;          /* which request of the call, from 0 */
    struct status *refused; /* why it cannot be answered; owned; NULL: it can */

    uint32_t page_size;   /* 0: the server chooses */
    uint64_t left;        /* records until the limit; UINT64_MAX: none */
    struct bytes user_id; /* its name's, which is held; empty: all users */
    struct bytes tag;     /* owned; empty: no filter */
    uint64_t binding;     /* of its tokens, if it is bound: once one is read or written */
    bool bound;

    bool found;         /* the user's group was looked up */
    bool empty;         /* and is not in the store */
    struct position at; /* just after what was listed */
    uint32_t last_group;
    struct lookahead names;

    struct store_fetch fetch; /* what it reads next */
    bool counted;             /* the store's count was given as total_size */
    uint64_t barren_bytes;    /* scanned since the last record that matched */

    struct follow *follow; /* it goes on with what changes; owned; NULL: it ends */
    uint64_t floor;        /* of the store: no older state may be listed; 0: not known */
    bool newest;           /* what it goes on from does not say: the newest state it is */
    bool in_changes;       /* its listing is over */
    bool has_revision;
    uint64_t revision; /* of the store when the listing began, or of the last change told */
};

/** Checks @request and makes a query of it: with q->refused if it is wrong. A follow
 * needs @many responses, and is not made yet. Asks for the user's name, if there is one.
 * 0, or ENOMEM. */
int query_init(struct query *q, const struct listing_kind *kind, const struct listing_env *env,
               const struct listing_request *request, int32_t index, bool many);

/** It is refused, for another reason. 0, or ENOMEM. */
int query_refuse(struct query *q, struct status why);

/** A follow begins at this revision of the store. */
static inline void query_begin_at(struct query *q, uint64_t revision)
{
    q->has_revision = true;
    q->revision = revision;
}

/** Whether it lists everything, so that the store's count is its size. */
bool query_is_whole(const struct query *q, const struct listing_kind *kind);

/** Writes the token that resumes after what was listed and told; PAGE_TOKEN_TEXT_MAX
 * characters at most. Returns its length. */
size_t query_page_token(struct query *q, const struct listing_kind *kind,
                        const struct listing_env *env, char *text);

/** Not its follow, which the listing frees. */
void query_clear(struct query *q);

#endif
