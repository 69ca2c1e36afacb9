/* What happened in each second of a run. A long run has its seconds merged two
 * by two, as often as it takes, so the memory stays what it is. */
#ifndef CLI_BENCH_SERIES_H
#define CLI_BENCH_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "bench_hist.h"

#define SERIES_POINTS    240
#define SERIES_SECOND_NS UINT64_C(1000000000)

struct series_point {
    uint64_t calls, failed; /* that ended */
    uint64_t posts, messages, bytes;
    struct hist latency; /* HIST_COARSE, of the calls that ended OK; counts is NULL if none did */
};

struct series {
    uint64_t origin_ns, interval_ns;
    size_t n; /* points so far; one where nothing happened is all zero */
    struct series_point point[SERIES_POINTS];
};

/** For zeroed memory, or after series_close(): from @origin_ns on. */
void series_init(struct series *s, uint64_t origin_ns);
void series_close(struct series *s);

/** The point that @now_ns belongs to; times before the origin belong to the
 * first. It may move when the next one is asked for. */
struct series_point *series_at(struct series *s, uint64_t now_ns);

/** Counts the time of a call. Without memory for it the point goes without. */
void series_point_add(struct series_point *p, uint64_t latency_ns);

/** Adds all of @from, which has the same origin; @from is used up. */
void series_merge(struct series *s, struct series *from);

#endif
