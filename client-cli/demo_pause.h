/* The demo's last scene: a client that asks and asks and does not read. */
#ifndef CLI_DEMO_PAUSE_H
#define CLI_DEMO_PAUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "demo_draw.h"
#include "query.h"
#include "session.h"

struct pause {
    int64_t limit;           /* of each request, for everybody's posts */
    size_t posts_per_answer; /* what each must bring */

    /** It is over: pause->status, and pause->good: the server waited, and every
     * answer came. */
    void (*done)(struct pause *pause);
    void *data;
    struct status status;
    bool good;

    struct session *session; /* private, like the rest */
    struct drawing *drawing;
    struct stream *call;
    struct buf *request; /* sent again and again */
    size_t accepted;     /* requests the stream took from us */
    size_t sent;         /* requests that left */
    size_t answered, posts, bytes;
    bool reading, waited, whole;
    struct timer quiet;
};

void pause_run(struct pause *pause, struct session *s, struct drawing *d, int number);

/** Cancels the call if it runs; done follows. */
void pause_stop(struct pause *pause);

#endif
