#include "timers.h"

/* A timer is due no later than its children: `child` is the first of them, their
 * `next` are the others, `prev` leads back to the one before or the parent; the
 * first one's is itself. */

/* Of two timers without siblings the later becomes a child of the other. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (b->due_ms < a->due_ms) {
        struct timer *later = a;
        a = b;
        b = later;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next != NULL)
        b->next->prev = b;
    a->child = b;
    return a;
}

static struct timer *take(struct timer **list)
{
    struct timer *t = *list;
    if (t != NULL) {
        *list = t->next;
        t->next = t->prev = NULL;
    }
    return t;
}

/* Siblings become one heap: two and two, and then these from last to first. That
 * order is what keeps the heap flat. */
static struct timer *meld_all(struct timer *siblings)
{
    struct timer *pairs = NULL, *all = NULL, *t;
    while ((t = take(&siblings)) != NULL) {
        struct timer *other = take(&siblings);
        if (other != NULL)
            t = meld(t, other);
        t->next = pairs;
        pairs = t;
    }
    while ((t = take(&pairs)) != NULL)
        all = all != NULL ? meld(all, t) : t;
    return all;
}

static void unlink_timer(struct timer *t)
{
    if (t->prev->child == t)
        t->prev->child = t->next;
    else
        t->prev->next = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

static void set_first(struct timers *ts, struct timer *t)
{
    ts->first = t;
    if (t != NULL)
        t->prev = t;
}

void timers_add(struct timers *ts, struct timer *t)
{
    t->child = t->next = NULL;
    set_first(ts, ts->first != NULL ? meld(ts->first, t) : t);
    ts->n++;
}

void timers_remove(struct timers *ts, struct timer *t)
{
    struct timer *children = meld_all(t->child);
    if (ts->first == t) {
        set_first(ts, children);
    } else {
        unlink_timer(t);
        if (children != NULL)
            set_first(ts, meld(ts->first, children));
    }
    ts->n--;
    t->prev = NULL;
}
