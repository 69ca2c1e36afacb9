/* How much a figure moves within one run, from its values in each interval: the middle half of
 * them, from the first quartile to the third. Two runs differ by more than their noise if these
 * halves do not touch. */
#ifndef CLI_BENCH_NOISE_H
#define CLI_BENCH_NOISE_H

#include <stdbool.h>
#include <stddef.h>

#define NOISE_VALUES_MIN 5 /* fewer say nothing */

struct noise {
    bool known;
    double low, high; /* the quartiles */
};

/** Of @n values, which are sorted by this. */
struct noise noise_of(double *values, size_t n);

/** Both are known, and they do not touch. */
bool noise_apart(const struct noise *a, const struct noise *b);

#endif
