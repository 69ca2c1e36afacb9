#include "bench_hist.h"

#include <errno.h>
#include <stdlib.h>

#define MOST_BITS 42 /* of HIST_MOST */

/* Buckets of one octave from 2^bits on, and those below it, of one each:
 *
 *     value >> shift is from 2^bits to below 2^(bits+1), and the place is
 *     shift * 2^bits + (value >> shift)
 */
static size_t place_of(const struct hist *h, uint64_t value)
{
    unsigned top = 63u - (unsigned)__builtin_clzll(value | 1);
    unsigned shift = top > h->bits ? top - h->bits : 0;
    return ((size_t)shift << h->bits) + (size_t)(value >> shift);
}

static size_t places(const struct hist *h)
{
    return place_of(h, HIST_MOST) + 1;
}

static uint64_t first_of(const struct hist *h, size_t place)
{
    size_t shift = place >> h->bits;
    shift = shift > 0 ? shift - 1 : 0;
    return (uint64_t)(place - (shift << h->bits)) << shift;
}

int hist_init(struct hist *h, unsigned bits)
{
    *h = (struct hist){ .bits = bits, .least = UINT64_MAX };
    h->counts = calloc(places(h), sizeof *h->counts);
    return h->counts != NULL ? 0 : ENOMEM;
}

void hist_close(struct hist *h)
{
    free(h->counts);
    *h = (struct hist){ 0 };
}

void hist_add(struct hist *h, uint64_t ns)
{
    uint64_t value = ns < HIST_MOST ? ns : HIST_MOST;
    h->counts[place_of(h, value)]++;
    h->n++;
    h->sum += value;
    h->least = value < h->least ? value : h->least;
    h->most = value > h->most ? value : h->most;
}

void hist_merge(struct hist *h, const struct hist *from)
{
    for (size_t i = 0, n = places(h); i < n; i++)
        h->counts[i] += from->counts[i];
    h->n += from->n;
    h->sum += from->sum;
    h->least = from->least < h->least ? from->least : h->least;
    h->most = from->most > h->most ? from->most : h->most;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
    double part = q * (double)h->n;
    uint64_t wanted = (uint64_t)part, seen = 0;
    wanted += (double)wanted < part; /* rounded up */
    wanted = wanted < 1 ? 1 : wanted > h->n ? h->n : wanted;
    for (size_t i = 0, n = places(h); i < n && h->n > 0; i++) {
        seen += h->counts[i];
        if (seen >= wanted) {
            uint64_t end = first_of(h, i + 1) - 1;
            return end < h->most ? end : h->most;
        }
    }
    return 0;
}

double hist_mean(const struct hist *h)
{
    return h->n > 0 ? (double)h->sum / (double)h->n : 0;
}

uint64_t hist_between(const struct hist *h, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t n = 0;
    for (size_t i = place_of(h, from_ns), end = places(h); i < end; i++) {
        uint64_t first = first_of(h, i);
        if (first >= to_ns)
            break;
        n += first >= from_ns ? h->counts[i] : 0;
    }
    return n;
}
