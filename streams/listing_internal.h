/* What the files of the listing pipeline share; for nobody else.
 *
 *   listing.c          the machine: requests, and what it waits for
 *   follow.c           those of a call that go on with what changes
 *   listing_changes.c  one step of these: changes into messages
 *   listing_fill.c     one step of a listing: records of the store into messages
 *   listing_out.c      messages into chunks, chunks to the stream
 *   listing_state.c    the states, and how a call ends
 *
 * Each calls only those below it. */
#ifndef STREAMS_LISTING_INTERNAL_H
#define STREAMS_LISTING_INTERNAL_H

#include "answer.h"
#include "listing.h"
#include "page_token.h"
#include "query.h"
#include "resolver.h"
#include "weir/loop.h"
#include "weir/server.h"

enum listing_state {
    LISTING_WORK,
    LISTING_IDLE,
    LISTING_NAME,
    LISTING_STORE,
    LISTING_ROOM,
    LISTING_TURN,
    LISTING_DONE,
    LISTING_NR
};

struct listing {
    struct stream *s;
    const struct listing_kind *kind;
    const struct listing_env *env;
    enum listing_state state;

    /* Requests read and not answered, oldest first. */
    uint32_t oldest, nqueries; /* of `queries`, */
    uint32_t ring;             /* which has so many */
    uint32_t next_index;
    bool reading, ended, draining;
    bool spent; /* one came after the last that can have an index */

    uint64_t floor; /* of the store: what is listed next may not be older; 0: not known */
    bool newest;    /* nor older than the newest state, as long as floor does not say which */

    /* Responses. MANY: `out` is being sent and `fill` is filled meanwhile.
     * ONE: the answer is in `fill`. */
    struct chunk out, fill;
    struct draft draft;
    size_t most;         /* bytes of a chunk: fewer while changes are told */
    uint64_t total_size; /* for the next message that is closed, as the next */
    bool caught_up;
    bool noted; /* the draft has unresolved users: noted_group's, and those with the mark */
    uint32_t noted_group;
    uint64_t noted_mark;

    /* ONE. The request that was done last: the answer may end there. */
    int32_t last_index;
    bool last_cut;         /* it has reached its limit, and is */
    struct query last;     /* kept for the token that resumes it */
    bool paged;            /* the first request has a page_size, */
    uint32_t page_left;    /* of which so many records are left */
    size_t budgeted_bytes; /* taken from the budget */

    struct follows *follows; /* NULL: no request of it follows */
    bool has_turn;           /* of the feed: one step of changes may be done */

    struct name *awaited; /* of the record that STEP_NAME stopped at */
    struct name_wait wait;
    struct task turn;
    size_t scanned_bytes; /* since the loop had its last turn */
    bool stepping;        /* the reader's step began: it ends with this tick */

    struct query queries[]; /* a ring; of one for a single request */
};

static inline bool many_requests(const struct listing *l)
{
    return l->s->method->requests == MANY;
}

static inline bool many_responses(const struct listing *l)
{
    return l->s->method->responses == MANY;
}

/* --- listing_state.c ---------------------------------------------------------------- */

/** The only writer of l->state. */
void listing_move(struct listing *l, enum listing_state next);

/** Nothing is left to do but to wait for on_close. */
void listing_done(struct listing *l);

/** The call ends with this status, unless it ended already. What was not given
 * to the stream yet is dropped. */
void listing_finish(struct listing *l, const struct status *status);
void listing_fail_memory(struct listing *l);
void listing_fail_store(struct listing *l, const char *error);

/* --- listing_fill.c ----------------------------------------------------------------- */

/* Why a step ended. */
enum step {
    STEP_ANSWERED,  /* no record is left, or the limit is reached: the query is done */
    STEP_FULL,      /* MANY: the chunk is full */
    STEP_PAGE,      /* ONE: the page is full */
    STEP_NAME,      /* l->awaited is not known yet */
    STEP_LATER,     /* what comes next has to be fetched: q->fetch tells when it is there */
    STEP_MORE,      /* what was fetched is used up: only between the two files of steps */
    STEP_SCANNED,   /* SCAN_STEP_BYTES were read since the loop's last turn */
    STEP_TOO_LARGE, /* ONE: over the size limit, and no page to stop at */
    STEP_EXPIRED,   /* a follow: the log does not have all the changes any more */
    STEP_FAILED,    /* the stream was failed */
};

/** Begins a step of the reader if none was begun. false: the stream was failed. */
bool step_begin(struct listing *l);
void step_end(struct listing *l); /* fine if none was begun */

/** Reads records of @q into messages, until one of these. MANY: the draft has
 * records only after STEP_ANSWERED, STEP_NAME, STEP_LATER and STEP_SCANNED. In a step of the
 * reader. */
enum step fill_step(struct listing *l, struct query *q);

/** What the query will read is asked for, where that takes time: it is not its turn yet. */
void fill_ahead(struct listing *l, struct query *q);

/* --- listing_changes.c -------------------------------------------------------------- */

/** The same with what has changed after q->revision. STEP_ANSWERED: all of it was
 * told, up to the store's last revision; or the limit is reached. */
enum step changes_step(struct listing *l, struct query *q);

/* --- listing_out.c ------------------------------------------------------------------ */

/** For a new listing. */
void out_init(struct listing *l);

/** The chunk that the stream had has gone out: its room is free. */
void out_sent(struct listing *l);

/** What follows is of changes, or of a listing. */
void out_tells_changes(struct listing *l, bool changes);

/** How large a chunk should become. */
size_t out_target(const struct listing *l);

/** Whether another message like the last one would make the chunk too large.
 * Only between two messages: a chunk holds whole ones. */
bool out_is_full(const struct listing *l);

/** Gives the stream the messages that are ready, unless it still has those
 * before. Ends the listing with the last ones, and when the stream is over. */
void out_flush(struct listing *l);

/** Whether the stream has all that is ready. */
bool out_all_handed(const struct listing *l);

/** The token that resumes after what @q has listed, in @room. */
struct bytes out_token(const struct listing *l, struct query *q, char room[PAGE_TOKEN_TEXT_MAX]);

/** End the message in the draft; with a token if it is not empty. close_part:
 * in the midst of @q's answer. false: out of memory. */
bool out_close_message(struct listing *l, int32_t request_index, struct bytes token, bool last);
bool out_close_part(struct listing *l, struct query *q);

/** ONE: whether @more bytes still fit in the answer. */
bool out_fits(const struct listing *l, size_t more);

/** ONE: takes from the budget what the answer has with @more bytes. false: the
 * call was failed. */
bool out_take(struct listing *l, size_t more);

/** ONE: fails the call over an answer that does not fit. */
void out_too_large(struct listing *l);

#endif
