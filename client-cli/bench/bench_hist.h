/* A histogram of times that is exact to a chosen number of bits, whatever their
 * size, in constant memory: the range up to each power of two is divided into
 * the same number of equal buckets (as HdrHistogram does, which Debian has no
 * package of for C). One thread at a time. */
#ifndef CLI_BENCH_HIST_H
#define CLI_BENCH_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Buckets to an octave: 2 to the power of these. A value is told to within one
 * part in as many. */
#define HIST_FINE   10 /* 3 digits; 270 KB */
#define HIST_COARSE 5  /* 3 %; 10 KB */

/* Longer times (73 minutes of nanoseconds) count as this one. */
#define HIST_MOST ((UINT64_C(1) << 42) - 1)

struct hist {
    unsigned bits;
    uint64_t n, sum, least, most; /* read-only; least and most are exact */
    uint64_t *counts;             /* private */
};

/** An empty one. Returns 0, or ENOMEM with nothing left to close. */
int hist_init(struct hist *h, unsigned bits);
void hist_close(struct hist *h); /* fine if zeroed */

void hist_add(struct hist *h, uint64_t ns);

/** Adds all of @from, which has as many bits. */
void hist_merge(struct hist *h, const struct hist *from);

/** The time within which the part @q (0 to 1) of all lie: the end of a bucket,
 * never above `most`. 0 if there are none. */
uint64_t hist_quantile(const struct hist *h, double q);

/** The mean; 0 if there are none. */
double hist_mean(const struct hist *h);

/** How many lie from @from_ns to below @to_ns, as far as the buckets tell: one
 * that straddles a border counts where it starts. */
uint64_t hist_between(const struct hist *h, uint64_t from_ns, uint64_t to_ns);

#endif
