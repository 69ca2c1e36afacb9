/* The timers of one loop: a pairing heap, soonest first. Its links lie in the
 * timers, so that nothing here needs memory. */
#ifndef WEIR_TIMERS_H
#define WEIR_TIMERS_H

#include <stddef.h>

#include "loop.h"

struct timers {
    struct timer *first; /* NULL: there is none */
    size_t n;
};

/** @t must not run. */
void timers_add(struct timers *ts, struct timer *t);

/** @t is one of them; then it does not run. */
void timers_remove(struct timers *ts, struct timer *t);

#endif
