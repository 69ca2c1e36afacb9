/* The Post service without a network: a store in a folder of its own, one
 * loop, fake streams on the methods of its table, and a User that is played.
 *
 * User knows every id that begins with "u", as "name of u..."; it answers
 * between two turns of the loop (POST_UNTIL) unless it was told to be silent.
 * The test fails if it is asked twice for one id on one stream. */
#ifndef TESTS_POST_WORLD_H
#define TESTS_POST_WORLD_H

#include "fake_stream.h"
#include "loop_until.h"
#include "post/post_env.h"
#include "post/post_service.h"
#include "streams/resolver.h"
#include "tmpdir.h"
#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"

#define POST_WORLD_DIALS 64

struct post_world {
    struct resolver_options options; /* set before post_world_open(), as the two below */
    size_t answer_max_bytes;         /* 0: 4 MiB */
    size_t budget_max_bytes;         /* 0: 256 MiB */
    uint64_t keep_changes;           /* 0: what the store keeps by default */
    size_t late_block;               /* the reader is late, with such blocks; 0: only if wanted */

    char *dir;
    struct loop *loop;
    struct post_env env;
    struct budget budget;
    struct news news; /* of the store's commits */

    /* User. */
    bool silent;
    struct fake_stream *dialled[POST_WORLD_DIALS]; /* the last one is open */
    size_t ndialled;
    size_t answered; /* requests on it */
    char **asked;    /* ids on it */
    size_t nasked;
};

void post_world_open(struct post_world *w);

/** No stream of a client is open any more, and nothing of the budget taken.
 * Looks for leaks. */
void post_world_close(struct post_world *w);

/** What User does between two turns. */
void post_world_turn(struct post_world *w);

#define POST_UNTIL(w, condition) LOOP_UNTIL((w)->loop, (post_world_turn(w), (condition)))

/** So many turns, in which User answers. */
void post_world_turns(struct post_world *w, unsigned n);

/** User speaks about @id, asked or not. */
void post_world_tell(struct post_world *w, const char *id);

/** User says that there is no @id (any more). */
void post_world_tell_gone(struct post_world *w, const char *id);

/** User's stream breaks; another is dialled later. */
void post_world_lose_user(struct post_world *w);

/** Imports posts, all in one batch; waits for it. */
void post_world_import(struct post_world *w, V1__Post__PostMessage *posts, size_t n);

/** Deletes posts in the same way. */
void post_world_delete(struct post_world *w, const char *const *ids, size_t n);

/** The method "/v1.post.Post/@name". */
const struct method *post_method(const char *name);

#endif
