/* What one call of a load asks for, in words: for the reports. */
#ifndef CLI_BENCH_ASKS_H
#define CLI_BENCH_ASKS_H

#include "bench_plan.h"

#define BENCH_ASKS_MAX 256

/** "each call asks for a page of up to 1,000 posts of everybody". Of a plan that was checked.
 * Returns @ret. */
const char *bench_asks(char ret[BENCH_ASKS_MAX], const struct bench_plan *p);

#endif
