/* A budget: bytes that many may take together, under one limit.
 *
 * A budget may be a part of a larger one. What is taken of the part is taken of
 * the larger one, too. Any thread. A budget that is all zero has nothing to give. */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    atomic_size_t used;
    size_t max;
    struct budget *total; /* the larger one that it is a part of; NULL: there is none */
};

static inline size_t budget_used(const struct budget *b)
{
    return atomic_load_explicit(&b->used, memory_order_relaxed);
}

/** Takes @bytes that are there already, whatever the limit says. */
static inline void budget_add(struct budget *b, size_t bytes)
{
    for (; b != NULL; b = b->total)
        atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed);
}

/** Gives @bytes back. */
static inline void budget_give(struct budget *b, size_t bytes)
{
    for (; b != NULL; b = b->total)
        atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
}

/** Whether @bytes fit into a total. A total without a limit (0) is never full. */
static inline bool budget_has_room(const struct budget *b, size_t bytes)
{
    return b->max == 0 || budget_used(b) + bytes <= b->max;
}

/** Takes @bytes that are about to be needed. false: so many are not left, here or
 * in the total, and nothing was taken. */
static inline bool budget_take(struct budget *b, size_t bytes)
{
    budget_add(b, bytes);
    if (budget_used(b) <= b->max && (b->total == NULL || budget_has_room(b->total, 0)))
        return true;
    budget_give(b, bytes);
    return false;
}

#endif
