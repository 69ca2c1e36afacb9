/* The health of three services on one loop, and fake streams that ask for it. */
#ifndef TESTS_HEALTH_WORLD_H
#define TESTS_HEALTH_WORLD_H

#include "fake_stream.h"
#include "loop_until.h"
#include "serverkit/health/health.h"

#define HEALTH_WORLD_NSERVICES 3

struct health_world {
    struct loop *loop;
    struct health *health;
};

extern const struct service
    *const health_world_services[HEALTH_WORLD_NSERVICES]; /* "a", "b", "other" */

void health_world_open(struct health_world *w);

/** No stream is open any more. */
void health_world_close(struct health_world *w);

/** A call of "Check" or "Watch" arrives. fake_stream_free() it. */
struct fake_stream *health_call(struct health_world *w, const char *method, const char *service);

/** The state in message @i that was sent. */
enum health_state health_sent(const struct fake_stream *f, size_t i);

/** What Check says of @service, as the loop stands. */
enum health_state health_check(struct health_world *w, const char *service);

#endif
