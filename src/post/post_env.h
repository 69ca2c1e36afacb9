/* What Post has on each loop. */
#ifndef POST_ENV_H
#define POST_ENV_H

#include "store/store.h"
#include "streams/feed.h"
#include "streams/listing.h"
#include "weir/loop.h"

struct post_env {
    struct listing_env listing;
    struct store *store;
    struct feed feed; /* listing.feed: of the store's changes */
};

/** The only writer and the only reader of what a loop of Post has as its env.
 * NULL: none. */
static inline void post_env_set(struct loop *loop, struct post_env *env)
{
    loop_set_env(loop, env);
}

static inline struct post_env *post_env_of(const struct loop *loop)
{
    return loop_env(loop);
}

#endif
