/* What User has once, and what it has on each loop. */
#ifndef USER_ENV_H
#define USER_ENV_H

#include <stddef.h>

#include "store/store.h"
#include "streams/listing.h"
#include "weir/loop.h"

struct news;

/* The same for all loops; does not change while they run. */
struct user_shared {
    struct store *store;
    const struct news *news; /* of its commits */
    size_t answer_max_bytes; /* of one unary listing */
    struct budget *budget;
};

struct user_env {
    struct listing_env listing;
    const struct user_shared *service;
    struct loop *loop;
};

/** Makes the things of @loop, and sets them as its env. Before the loop runs.
 * Returns 0, or -1 with a line in @error. */
int user_env_new(struct user_env **ret, const struct user_shared *service, struct loop *loop,
                 char error[STORE_ERROR_MAX]);

/** Frees them; no stream is open on the loop any more. Before store_close():
 * an import whose client is gone may still be answered, and finds no env.
 * NULL is fine. */
void user_env_free(struct user_env *env);

/** The loop's, from user_env_new() to user_env_free(); NULL before and after. */
static inline struct user_env *user_env_of(const struct loop *loop)
{
    return loop_env(loop);
}

#endif
