#include "durations.h"

#include <stdio.h>

#include "die.h"

#define NS_PER_MS  1e6
#define FIRST_ROOM 1024

void durations_add(struct durations *d, uint64_t ns)
{
    if (d->n == d->room) {
        d->room = d->room > 0 ? 2 * d->room : FIRST_ROOM;
        d->ns = must_have(realloc(d->ns, d->room * sizeof *d->ns));
    }
    d->ns[d->n++] = ns;
}

void durations_close(struct durations *d)
{
    free(d->ns);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest that so many percent of all do not exceed. */
static double percentile_ms(const struct durations *d, size_t percent)
{
    const size_t place = (d->n * percent + 99) / 100;
    return (double)d->ns[place - 1] / NS_PER_MS;
}

void durations_print(struct durations *d, const char *name)
{
    printf("\"%s\":{\"count\":%zu", name, d->n);
    if (d->n > 0) {
        qsort(d->ns, d->n, sizeof *d->ns, compare);
        printf(",\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f", percentile_ms(d, 50),
               percentile_ms(d, 99), percentile_ms(d, 100));
    }
    putchar('}');
}
