/* Doubly linked rings of structs that embed a link. The head is a link too, so
 * an element can be removed without knowing which ring it is on. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdbool.h>

#include "container.h"

struct ring {
    struct ring *next, *prev;
};

static inline void ring_init(struct ring *head)
{
    head->next = head->prev = head;
}

static inline bool ring_empty(const struct ring *head)
{
    return head->next == head;
}

static inline void ring_append(struct ring *head, struct ring *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static inline void ring_remove(struct ring *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

/** Moves all of @from to the end of @to. */
static inline void ring_move(struct ring *to, struct ring *from)
{
    if (ring_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    ring_init(from);
}

#endif
