/* A number that one thread writes and any thread may read.
 *
 * Adding to it costs what adding to a uint64_t does: no bus lock, no fence. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
    _Atomic uint64_t n;
};

static inline uint64_t counter_get(const struct counter *c)
{
    return atomic_load_explicit(&c->n, memory_order_relaxed);
}

/** Adds @n. Only the thread that writes the counter may call it. (uint64_t)-1 takes
 * one away. */
static inline void counter_add(struct counter *c, uint64_t n)
{
    atomic_store_explicit(&c->n, counter_get(c) + n, memory_order_relaxed);
}

static inline void counter_set(struct counter *c, uint64_t n)
{
    atomic_store_explicit(&c->n, n, memory_order_relaxed);
}

#endif
