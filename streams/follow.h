/* Follows: requests of a call that go on after their listing with what changes, for as
 * long as the client wants.
 *
 *   QUEUED   it is in the call's queue. It waits, or it is listed, or
 *            what changed since its listing began is told             -> LIVE
 *   LIVE     it is out of the queue, and everything was told          -> WOKEN
 *   WOKEN    there is something to tell, at the call's next turn      -> LIVE
 *
 * A call serves its requests in order until each has caught up. From then on those that
 * are woken take turns. A follow is freed from any of these states when its limit is
 * reached, when it is refused, or when its call ends. */
#ifndef STREAMS_FOLLOW_H
#define STREAMS_FOLLOW_H

#include "feed.h"
#include "listing_internal.h"

#define FOLLOWS_MAX 64 /* of a call */
#define AHEAD_MAX   64 /* names that are wanted ahead */

enum follow_state { FOLLOW_QUEUED, FOLLOW_LIVE, FOLLOW_WOKEN, FOLLOW_NR };

struct follow {
    struct listing *l;
    enum follow_state state;
    struct query q; /* from LIVE on: before, it is the queue's */
    struct follower follower;
    struct ring link;       /* among those of the call that left the queue */
    uint32_t place;         /* of the caller, in env->follows */
    struct name_wait watch; /* whether the user is still there */

    bool greeted;       /* the client was told that it has caught up */
    bool must_say;      /* it was quiet for long, so it must send a message, even an empty one */
    uint64_t change_ms; /* when the first change of the next message was committed */
    struct timer quiet; /* LIVE */

    /* Of all users' records: the name of the last change's user, who is this group; and
     * names that are wanted for the changes after it. */
    struct name *author;
    uint32_t author_group;
    struct name **ahead; /* NULL: none */
    size_t nahead;
};

/* Of one call. */
struct follows {
    struct listing *l;
    size_t n;
    bool first; /* those that are woken come before the queue: it had its turn */
    struct ring live, woken;
    struct feed_turn turn;
};

static inline bool follows_any(const struct listing *l)
{
    return l->follows != NULL && l->follows->n > 0;
}

/** Makes @q, which is new, a follow: q->follow. Or it is refused, because there are too
 * many. @turn makes the call go on. Returns 0 or ENOMEM. */
int follow_new(struct listing *l, struct query *q, void (*turn)(struct feed_turn *turn));

/** Joins the feed, unless it has joined already, because its listing is over. Call it in a step of
 * changes. false: the call was failed. */
bool follow_join(struct follow *f, struct query *q);

/** Everything was told, up to the last revision that this step of the reader knows. The follow
 * becomes LIVE, or WOKEN if the feed knows of more already. The first time it takes the query
 * over from the queue, and nothing of it is left there. */
void follow_rest(struct follow *f, struct query *q);

/** Lets go of the names that were wanted ahead. */
void follow_forget_ahead(struct follow *f);

/** The server stops, so this follow is told nothing more, and the requests after it in the queue
 * have their turn. It takes its query over, and nothing wakes it. */
void follow_leave_queue(struct follow *f, struct query *q);

/** It has more to tell, after the others. */
void follow_again(struct follow *f);

/** The query of the follow whose turn it is; NULL: none is woken. */
struct query *follows_woken(const struct listing *l);

/** The call waits for a turn to tell changes. */
void follows_wait_turn(struct listing *l);

/** Frees one, with its query from LIVE on; all that left the queue. NULL is fine. */
void follow_free(struct follow *f);
void follows_clear(struct listing *l);

#endif
