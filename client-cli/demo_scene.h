/* A scene of the demo: one call, drawn as it happens. */
#ifndef CLI_DEMO_SCENE_H
#define CLI_DEMO_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include "demo_draw.h"
#include "query.h"
#include "session.h"

struct scene {
    /* What to do. */
    const char *words; /* for the heading */
    const char *name;  /* for the summary */
    enum shape shape;
    bool lock_step;               /* a request waits for the answer before it */
    const struct query *requests; /* all by user, or one for everybody */
    size_t nrequests;

    /** The call is over, well or not: scene->status. */
    void (*done)(struct scene *scene);
    void *data;

    /* What came of it. */
    struct status status;
    size_t sent, answered;
    size_t messages, posts, bytes;
    double first_ms, last_ms; /* of the first and the last post */
    char **post_ids;          /* owned */
    char **user_ids;          /* whose posts they are, NULL: unknown to User; owned */

    struct session *session; /* private, like the rest */
    struct drawing *drawing;
    struct stream *call;
    bool half_closed;
};

/** Runs @scene, the @number-th, and calls done, later or at once. */
void scene_run(struct scene *scene, struct session *s, struct drawing *d, int number);

/** Cancels the call if it runs; done follows. */
void scene_stop(struct scene *scene);

/** Forgets the posts of people whom User does not know: no listing by user has
 * them. */
void scene_drop_strangers(struct scene *scene);

/** Forgets what came of it; the scene can run again. */
void scene_close(struct scene *scene);

#endif
