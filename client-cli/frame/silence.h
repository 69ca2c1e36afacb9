/* What is said while nothing comes: whom the command waits for, why, and until when.
 *
 *   begin -250 ms-> asks the server for its health -450 ms-> says a line, if there is a cause
 *   begin or said -a message-> over      -the command ends-> over, for good
 *
 * One line on standard error for each outage, however many attempts it has, and none for an
 * outage that is over sooner. The cause is one of these:
 *
 *   - there is no connection: what the question for the health failed with
 *   - Post says that it has no User: listings wait for its names
 *   - there is a connection, and neither call nor question are answered
 *   - the call before failed with it; or the server has too much to do, and said so
 *
 * A server that says of itself that it serves is only told of when a first answer takes much
 * longer than that. The cause is kept: it is told as well where a call ends with no more
 * than DEADLINE_EXCEEDED. */
#ifndef CLI_SILENCE_H
#define CLI_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/loop.h"
#include "weir/status.h"
#include "weir/stream.h"

struct channel;
struct session;

/* Whose silence it is, and what follows from it. Set before silence_begin(). */
struct silence_of {
    struct channel *channel;
    const char *name, *target; /* "Post", "localhost:9001" */
    bool needs_user;           /* Post cannot answer without User */
    bool first;                /* it has all that it needs for a first answer */
};

struct silence {
    uint64_t tries_ms; /* how long the command makes failed calls again, if it can; 0: it does
                          not; UINT64_MAX: for ever. Set at its begin */

    struct silence_of of; /* private, like the rest */
    bool running;
    bool trying;         /* a call has failed, and the next one is to come */
    bool busy;           /* because the server has too much to do */
    uint64_t began_ms;   /* on the loop's clock */
    uint64_t give_up_ms; /* the same, of those tries; 0: there are none */
    struct timer ask, say;
    struct stream *probe; /* NULL: none is open */
    bool serves, lacks_user;
    char cause[STATUS_MESSAGE_MAX]; /* "": none is known */
};

/** From now on this is waited for; or so it is since silence_begin() was called before. */
void silence_begin(struct session *s, const struct silence_of *of);

/** A call failed with @why, and others are made until @give_up_ms on the loop's clock;
 * UINT64_MAX: without an end. */
void silence_failed(struct session *s, const struct status *why, uint64_t give_up_ms);

/** Something came: the outage is over, if it was one. */
void silence_over(struct session *s);

/** The command ends: nothing is said any more, and nothing is open soon. */
void silence_end(struct session *s);

/** @status, with what kept the call from an answer if it only says that --deadline has
 * passed. */
struct status silence_explain(const struct session *s, const struct status *status);

#endif
