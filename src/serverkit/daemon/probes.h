/* What Kubernetes and its like ask a server over plain HTTP, beside /metrics:
 *
 *   /healthz  Is the process alive? If not, it is to be started anew. It is, unless a loop has
 *             been asked for a sign of life and has given none for PROBES_PATIENCE_MS.
 *   /readyz   Can it take calls? If not, none are to be sent to it. It can if the process and
 *             every service that it offers are SERVING, as grpc.health.v1 tells it.
 *
 * A server that drains, or whose User is away, is alive and not ready. */
#ifndef DAEMON_PROBES_H
#define DAEMON_PROBES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serverkit/metrics/metrics_http.h"

#define PROBES_PATIENCE_MS 10000

struct health;
struct loop;
struct pulse;
struct service;

/* The caller sets these. */
struct probes {
    const struct health *health;
    const struct service *const *services; /* that it offers */
    size_t nservices;
    const struct service *const *needs; /* that these need, and of whose health it knows, too */
    size_t nneeds;

    /* private */
    struct pulse *pulse;
    atomic_bool serving;
    uint64_t asked_ms; /* of the monotonic clock; the thread of the listener */
};

/** Prepares it for these loops. Returns 0 or ENOMEM. */
int probes_init(struct probes *p, struct loop *const *loops, size_t nloops);

/** The loops run from now on; before that nothing is expected of them, and it is not ready. */
void probes_serving(struct probes *p);

/** For metrics_http_start(). */
struct http_probes probes_http(struct probes *p);

/** /healthz at the time @now_ms of the monotonic clock. NULL: alive; else one line in @why.
 * Called by one thread at a time. */
const char *probes_alive(struct probes *p, uint64_t now_ms, char *why, size_t size);

/** /readyz. NULL: ready; else one line in @why. Any thread. */
const char *probes_ready(const struct probes *p, char *why, size_t size);

/** After the loops were freed; fine if it was never prepared. */
void probes_close(struct probes *p);

#endif
