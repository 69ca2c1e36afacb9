/* The service config of a channel: how its calls are spread over servers, and
 * what happens to those that fail. JSON, which the core reads; it is described
 * at https://github.com/grpc/grpc/blob/master/doc/service_config.md
 *
 * The core repeats a call that ended UNAVAILABLE before anything came back. It
 * never repeats one in mid-stream, nor one whose requests are more than the 256
 * KiB that it keeps. It waits for 50 ms, then twice as long each time. While more
 * than a few calls in ten fail it repeats none (throttling). */
#ifndef WEIR_SERVICE_CONFIG_H
#define WEIR_SERVICE_CONFIG_H

#include <stddef.h>

/* pick_first: one connection, to the first server that takes it. round_robin:
 * connections to all servers, calls to each in turn. */
enum lb_policy { LB_PICK_FIRST, LB_ROUND_ROBIN };
#define LB_CHOICES "pick_first|round_robin"

#define RETRIES_MAX 4 /* the core makes five attempts at most */

struct service_config {
    enum lb_policy lb;
    /* With round_robin: a server that says NOT_SERVING for this service (in
     * grpc.health.v1) gets no calls. A server without health checking counts as
     * healthy. NULL: no server is asked. */
    const char *health_service;
    unsigned retries; /* at most RETRIES_MAX; 0: none */
    /* Methods that are never repeated ("v1.post.Post/ImportPosts"), up to a
     * NULL; may be NULL. */
    const char *const *never_repeated;
};

/** As JSON; free() it. NULL: out of memory. */
char *service_config_make(const struct service_config *config);

#define SERVICE_CONFIG_ERROR_MAX 300

/** The JSON in a file; free() it. NULL: @error says in one line why not. What
 * the JSON says is the core's to judge: see channel_check(). */
char *service_config_read(const char *path, char error[SERVICE_CONFIG_ERROR_MAX]);

#endif
