/* A scene of the demo: one call, drawn as it happens. */
#ifndef CLI_DEMO_SCENE_H
#define CLI_DEMO_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include "client-cli/commands/post_query.h"
#include "client-cli/frame/session.h"
#include "demo_draw.h"

struct scene {
    /* What to do. */
    const char *words; /* for the heading */
    const char *name;  /* for the summary */
    enum shape shape;
    bool lock_step;                    /* a request waits for the answer before it */
    const struct post_query *requests; /* all by user, or one for everybody */
    size_t nrequests;

    /* What came of it. */
    size_t sent, answered;
    size_t messages, posts, bytes;
    double first_ms, last_ms; /* of the first and the last post */
    char **post_ids;          /* owned */
    char **user_ids;          /* whose posts they are, NULL: unknown to User; owned */

    struct drawing *drawing; /* private */
};

/** Opens the call of @scene, the @number-th. */
void scene_open(struct scene *scene, struct session *s, struct drawing *d, int number);

/** The steps of that call, as in calls.h. */
void scene_take(struct scene *scene, struct session *s, const V1__Post__ListPostsResponse *m,
                size_t bytes);
void scene_sent(struct scene *scene, struct session *s);
void scene_closed(struct scene *scene, const struct status *status);

/** "2 posts 1 and 2, 486 B", of a message that has @bytes. */
void scene_posts_text(char *ret, size_t size, const V1__Post__ListPostsResponse *m, size_t bytes);

/** Forgets the posts of people whom User does not know: no listing by user has
 * them. */
void scene_drop_strangers(struct scene *scene);

/** Forgets what came of it; the scene can run again. */
void scene_close(struct scene *scene);

#endif
