/* Metrics of what our services are made of: the store, the memory of answers,
 * the names of users. */
#ifndef STREAMS_SERVICE_METRICS_H
#define STREAMS_SERVICE_METRICS_H

#include <stddef.h>

#include "serverkit/metrics/exposition.h"

struct budget;
struct feed;
struct resolver;
struct store;

void metrics_of_store(struct exposition *e, struct store *store);
void metrics_of_answers(struct exposition *e, const struct budget *budget);

/** Of all of them together. None of them is closed meanwhile. */
void metrics_of_feeds(struct exposition *e, const struct feed *const *feeds, size_t n);
void metrics_of_resolvers(struct exposition *e, const struct resolver *const *resolvers, size_t n);

#endif
