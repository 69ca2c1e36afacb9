/* What the four listing commands have in common: one request described by the
 * options, and the taking in of answers, whatever call they came by.
 *
 * A message is taken whole: its posts go to the output and its token becomes
 * the place to go on from, or neither does. So a listing that breaks can go on
 * without losing or repeating a row. --limit is for the whole command. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "query.h"
#include "rows.h"
#include "session.h"

#define NO_LIMIT INT64_MAX

struct listing {
    struct session *session;
    struct rows rows;
    const char *tag; /* read-only, like the rest */
    char *token;     /* after the last message taken; "": none */
    int64_t left;    /* posts still wanted, or NO_LIMIT */
    bool exact;      /* this listing is one query: its progress is known */
    uint64_t posts;
    uint64_t bytes; /* of messages */
    uint64_t messages;
    bool refused; /* single requests failed while the others went on */
};

/** From the session's options. Returns 0 or ENOMEM. */
int listing_init(struct listing *l, struct session *s);
void listing_close(struct listing *l);

/** The query that goes on from here, for @user_id or (NULL) everybody. Its
 * texts belong to the listing and the caller. */
struct query listing_query(const struct listing *l, const char *user_id, int64_t page_size);

/** Takes @message of @bytes, which came on @stream. Posts past the limit are
 * left out. @mark_format, with what follows, makes the output's mark; NULL:
 * none. Out of memory: the stream is cancelled with a status that says so. */
__attribute__((format(printf, 5, 6))) void listing_take(struct listing *l, struct stream *stream,
                                                        const V1__Post__ListPostsResponse *message,
                                                        size_t bytes, const char *mark_format, ...);

/** As many posts as --limit asked for are here. */
static inline bool listing_enough(const struct listing *l)
{
    return l->left == 0;
}

/** A single request, for @what, failed: tells, and the exit code will be 1. */
void listing_refused(struct listing *l, const char *what, const V1__Post__RequestError *error);

/** The command is through; @status tells how, and may be NULL: well. */
void listing_end(struct listing *l, const struct status *status);

#endif
