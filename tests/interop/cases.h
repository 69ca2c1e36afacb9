/* The test cases, by the names that the runners know. */
#ifndef INTEROP_CASES_H
#define INTEROP_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/channel.h"

struct loop;

/* What a case works with. */
struct interop {
    struct loop *loop;
    struct channel *channel;
    const char *target;
    struct channel_options channel_options; /* for more channels like it */

    const char *user, *scope; /* whom tokens name, and what they may */
    struct soak {
        int64_t iterations, max_failures, latency_ms, timeout_seconds;
    } soak;
};

struct interop_case {
    const char *name;
    bool (*run)(struct interop *t); /* false: it failed; a line on standard error says why */
    bool compress;                  /* its channel compresses requests */
};

extern const struct interop_case interop_cases[];
extern const size_t interop_ncases;

#endif
