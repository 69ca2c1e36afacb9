/* The timers of one loop: a binary heap, soonest first. */
#ifndef RUNTIME_TIMERS_H
#define RUNTIME_TIMERS_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

struct timers {
    struct timer **heap;
    size_t n, cap;
};

/** false: out of memory, nothing changed. */
bool timers_add(struct timers *ts, struct timer *t);
void timers_remove(struct timers *ts, struct timer *t);
void timers_close(struct timers *ts);

static inline struct timer *timers_first(const struct timers *ts)
{
    return ts->n == 0 ? NULL : ts->heap[0];
}

#endif
