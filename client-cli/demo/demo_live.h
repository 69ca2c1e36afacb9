/* The demo's scene of live data: A and B follow, posts are imported, B is cut and comes
 * back, the posts are deleted. In the end both were told of each of them, and of none twice. */
#ifndef CLI_DEMO_LIVE_H
#define CLI_DEMO_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "client-cli/commands/post_query.h"
#include "client-cli/frame/session.h"
#include "demo_draw.h"

#define LIVE_POSTS 3

struct follower {
    const char *name;
    struct live *live;
    struct stream *call;       /* NULL: it is cut */
    char *token;               /* of its last message; owned */
    bool caught_up;            /* in this call */
    unsigned told[LIVE_POSTS]; /* how often, of each post */
    unsigned gone[LIVE_POSTS]; /* how often, that it is deleted */
};

enum live_step { LIVE_BEGINS, LIVE_BOTH, LIVE_CUT, LIVE_BACK, LIVE_LAST, LIVE_GONE, LIVE_OVER };

struct live {
    const char *user_id; /* whose posts they are */

    bool good; /* both have the same in the end */

    struct session *session; /* private, like the rest */
    struct drawing *drawing;
    enum live_step step;
    struct follower a, b; /* the call of A is the session's */
    struct stream *write; /* the import or delete that is open; NULL: none */
    const char *writes;   /* "import" */
};

/** Opens its calls; it is the @number-th scene. */
void live_open(struct live *live, struct session *s, struct drawing *d, int number);

/** The steps of A's call, as in calls.h. The others are closed when loop_run() returns. */
void live_take(struct live *live, const V1__Post__ListPostsResponse *m, size_t bytes);
struct status live_closed(struct live *live, const struct status *status);

/** After loop_run(), or if it was never opened. */
void live_free(struct live *live);

#endif
