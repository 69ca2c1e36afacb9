/* What Post has once, and what it has on each loop (loop_env). */
#ifndef POST_ENV_H
#define POST_ENV_H

#include "store/store.h"
#include "streams/listing.h"
#include "weir/loop.h"

struct post_env {
    struct listing_env listing; /* first: the pipeline finds it there */
    struct store *store;
};

static inline struct post_env *post_env_of(const struct loop *loop)
{
    return loop_env(loop);
}

#endif
