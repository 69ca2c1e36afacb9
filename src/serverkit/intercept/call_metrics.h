/* Counts calls for each method: how many there were, how they ended, how long they
 * took, and what went each way. The names are those that gRPC's Prometheus middleware
 * for Go and Java made common.
 *
 * Each loop counts in a block of its own, and a scrape adds them up, so nothing is
 * shared while calls run. The methods are those of the services, and one more stands
 * for all that clients make up. So clients cannot create new series. */
#ifndef INTERCEPT_CALL_METRICS_H
#define INTERCEPT_CALL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "serverkit/metrics/exposition.h"
#include "weir/interceptor.h"
#include "weir/server.h"

struct call_metrics;

enum call_metrics_of { CALL_METRICS_SERVER, CALL_METRICS_CLIENT };

/** For calls of these services, which must stay, on @nloops loops (loop_index()
 * is below that). Returns 0 or ENOMEM. */
int call_metrics_new(struct call_metrics **ret, enum call_metrics_of side,
                     const struct service *const *services, size_t nservices, size_t nloops);

/** Frees it when no call is counted any more. NULL is fine. */
void call_metrics_free(struct call_metrics *metrics);

/** The interceptor of either side; its arg is a struct call_metrics. */
extern const struct interceptor call_metrics;

/** For metrics_add(), with a struct call_metrics as @arg. */
void call_metrics_print(struct exposition *e, void *arg);

#endif
