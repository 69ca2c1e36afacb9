/* How much may go wrong: parts of a whole that people write as percentages, and the part of
 * the calls that may have an error. */
#ifndef CLI_BENCH_LIMITS_H
#define CLI_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/** "1%", "0.5%", "150%" -> 0.01, 0.005, 1.5. false: it is no percentage. */
bool percent_parse(const char *text, double *ret_part);

/* Fewer calls than these count as so many, or the first error of a run would be all of it. */
#define ERROR_LIMIT_CALLS 100

struct error_limit {
    const char *text; /* as given, "" if not: then nothing ends a run early */
    double part;      /* of the calls; 0: none may have an error */
};

/** Whether a run that goes on has had too many calls with errors, @bad of the @ended ones. */
bool error_limit_passed(const struct error_limit *l, uint64_t bad, uint64_t ended);

#endif
