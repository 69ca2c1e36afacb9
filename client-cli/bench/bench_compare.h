/* This run beside an earlier one, whose report was kept as JSON: the ratio of each figure, and
 * whether it is more than the noise of the two runs (bench_noise.h).
 *
 * The comparison is an object of JSON too, "compare" in the report:
 *
 *   file, command, started  of the earlier run
 *   differs                 settings in which the two differ: [{ setting, before, now }]
 *   rows                    [{ name, before, now, ratio, verdict, judged, better }], where
 *                           verdict is "faster", "slower", "same" (within the noise) or
 *                           "unknown" (too few intervals to know the noise), judged says that
 *                           --fail-if-slower looks at it, and better is "more" or "less"
 *   percentiles             the earlier run's, for a plot */
#ifndef CLI_BENCH_COMPARE_H
#define CLI_BENCH_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/** Reads the report in @path, which must be of a run of @shape. NULL: it cannot be compared
 * with, and @why says in one line why not. json_decref() it. */
json_t *bench_compare_load(const char *path, const char *shape, char *why, size_t size);

/** The comparison of @now with @before, which was read from @path. NULL: out of memory. */
json_t *bench_compare(const json_t *before, const char *path, const json_t *now);

/** The first of its judged rows that is slower by more than @part of the earlier figure, and not
 * within the noise; NULL: none is. It is the comparison's. */
const json_t *bench_compare_slower(const json_t *comparison, double part);

/** Appends it as a table. false: out of memory. */
bool bench_put_comparison(struct buf *b, const json_t *comparison);

#endif
