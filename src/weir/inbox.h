/* What other threads hand to the one that owns it: they push, it takes all that
 * there is. No locks. */
#ifndef WEIR_INBOX_H
#define WEIR_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* In what is handed over. */
struct inbox_link {
    struct inbox_link *next;
};

/* All zero: empty. */
struct inbox {
    _Atomic(struct inbox_link *) newest;
};

/** Pushes @link, from any thread. Returns whether the inbox was empty. If so, its
 * owner may sleep and must be woken; else whoever pushed before has woken it
 * already. From here on the owner may take @link and free it. */
static inline bool inbox_push(struct inbox *inbox, struct inbox_link *link)
{
    struct inbox_link *before = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do
        link->next = before;
    while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &before, link,
                                                  memory_order_acq_rel, memory_order_relaxed));
    return before == NULL;
}

static inline bool inbox_empty(const struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->newest, memory_order_relaxed) == NULL;
}

/** Takes all, the oldest first; NULL: it was empty. */
static inline struct inbox_link *inbox_take(struct inbox *inbox)
{
    struct inbox_link *newest =
        atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    struct inbox_link *oldest = NULL;
    while (newest != NULL) {
        struct inbox_link *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

#endif
