/* Whether Post can do its work: what it says of the health of its services, and of User's.
 *
 *   UNKNOWN      no attempt to reach User has ended yet
 *   SERVING      User answers on the resolve stream of some loop; or it did,
 *                and listings still wait for it (--user-timeout)
 *   NOT_SERVING  listings would fail, for want of User or of the database
 *
 * Of User it says what is so at the moment, without that patience: who waits for a listing
 * can learn what the listing waits for.
 *
 * The resolve streams are opened without any call, so a client that heeds the
 * state and stays away gets to know when to come back. */
#ifndef POST_READINESS_H
#define POST_READINESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "serverkit/health/health.h"
#include "weir/loop.h"

struct readiness;
struct service;

/* One loop's stream to User; lives longer than the loops. */
struct user_link {
    struct readiness *readiness;
    atomic_bool says_up, has_news; /* private, as all below; of readiness_link() */
    struct posting news;
    bool up; /* first loop only */
};

/* Lives on the first loop; other loops post to it. */
struct readiness {
    struct health *health;
    const struct service *const *services;
    size_t nservices;
    const struct service *user;
    struct loop *first;
    uint64_t user_timeout_ms;
    size_t nup; /* private, as all below: links that are up */
    bool was_up;
    struct timer patience;
    enum health_state by_user;             /* what is said, if the store is there */
    bool store_away;                       /* it is not */
    atomic_bool store_says_away, has_news; /* the same, as it was told; it is on its way */
    struct posting news;
};

/** Sets every service UNKNOWN. What @r has up to user_timeout_ms is set.
 * Before the loops run. */
void readiness_init(struct readiness *r);

/** No loop runs any more. */
void readiness_close(struct readiness *r);

/** The stream of @link has come up, or has not, or is gone. On the thread of
 * the link's loop. */
void readiness_link(struct user_link *link, bool up);

/** The store is there, as it is at first, or is away. Any thread, from before readiness_init()
 * until the first loop is freed. */
void readiness_store(struct readiness *r, bool there);

#endif
