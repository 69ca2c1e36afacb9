/* How long things take, in buckets from 100 µs to a minute. */
#ifndef METRICS_HISTOGRAM_H
#define METRICS_HISTOGRAM_H

#include <stdint.h>

#include "base/counter.h"

#define HISTOGRAM_BOUNDS 18

/** The upper bounds of all buckets but the last, which has none. */
extern const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS];

/* Zero is empty. */
struct histogram {
    struct counter buckets[HISTOGRAM_BOUNDS + 1];
    struct counter sum_ns;
};

/** One more that took @ns. Only the histogram's one thread. */
void histogram_observe(struct histogram *h, uint64_t ns);

/** Adds what @from has to @to. */
void histogram_merge(struct histogram *to, const struct histogram *from);

#endif
