#include "bench_noise.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between two values it lies on the line from the one to the other. */
static double quantile(const double *sorted, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    const double next = i + 1 < n ? sorted[i + 1] : sorted[i];
    return sorted[i] + (at - (double)i) * (next - sorted[i]);
}

struct noise noise_of(double *values, size_t n)
{
    if (n < NOISE_VALUES_MIN)
        return (struct noise){ .known = false };
    qsort(values, n, sizeof *values, compare);
    return (struct noise){
        .known = true,
        .low = quantile(values, n, 0.25),
        .high = quantile(values, n, 0.75),
    };
}

bool noise_apart(const struct noise *a, const struct noise *b)
{
    return a->known && b->known && (a->low > b->high || b->low > a->high);
}
