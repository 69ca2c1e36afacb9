/* The demo's scene of back-pressure: a client that asks and asks and does not read. */
#ifndef CLI_DEMO_PAUSE_H
#define CLI_DEMO_PAUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "client-cli/commands/post_query.h"
#include "client-cli/frame/session.h"
#include "demo_draw.h"

struct pause {
    int64_t limit;           /* of each request, for everybody's posts */
    size_t posts_per_answer; /* what each must bring */

    bool good; /* the server waited, and every answer came */

    struct session *session; /* private, like the rest */
    struct drawing *drawing;
    struct buf *request; /* sent again and again */
    size_t accepted;     /* requests the stream took from us */
    size_t sent;         /* requests that left */
    size_t answered, posts, bytes;
    bool reading, waited, whole;
    struct timer quiet;
};

/** Opens its call; it is the @number-th scene. */
void pause_open(struct pause *pause, struct session *s, struct drawing *d, int number);

/** The steps of that call, as in calls.h. */
void pause_take(struct pause *pause, const V1__Post__ListPostsResponse *m, size_t bytes);
void pause_sent(struct pause *pause);
void pause_closed(struct pause *pause, const struct status *status);

/** After that, or if it was never opened. */
void pause_free(struct pause *pause);

#endif
