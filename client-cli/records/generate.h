/* Made-up users and posts for tests and benchmarks. Post i of a plan is a
 * function of the plan and i and nothing else, so any part of the data can be
 * made again, in any order, on any machine. Any thread. */
#ifndef CLI_GENERATE_H
#define CLI_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"

#define GENERATE_MAX      UINT64_C(1000000000) /* posts, and users, of a plan */
#define GENERATE_MAX_TAGS 3

struct generate_plan {
    uint64_t seed;
    uint64_t posts; /* from 0 to GENERATE_MAX */
    uint64_t users; /* from 1 to GENERATE_MAX */
    bool grouped;   /* one user's posts after the other's */
};

/* A message with the memory it points into: do not copy, do not free. */
struct generated_post {
    V1__Post__PostMessage message;
    Google__Protobuf__Timestamp create_time;
    char *tags[GENERATE_MAX_TAGS];
    char post_id[24], user_id[24], title[128], body[256];
};

struct generated_user {
    V1__User__UserMessage message;
    char user_id[24], name[64], phone_number[16];
};

/** Post @i (below plan->posts) and user @i (below plan->users), with the ids
 * "p1" and "u1" for the first. About 180 bytes a post when encoded; some text
 * is Korean, some has emoji; the author is empty. Times increase with i.
 *
 * Every user has a post if there are as many posts as users, spread over the
 * whole run. The users with small numbers have more: of a million posts by
 * 1,000 users the first has about 32,000, the last 500. Grouped, all have as
 * many, but for one. */
void generate_post(const struct generate_plan *plan, uint64_t i, struct generated_post *ret);
void generate_user(const struct generate_plan *plan, uint64_t i, struct generated_user *ret);

#endif
