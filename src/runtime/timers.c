#include "timers.h"

#include <stdlib.h>

static void put(struct timers *ts, size_t i, struct timer *t)
{
    ts->heap[i] = t;
    t->place = (uint32_t)i + 1;
}

static void sift_up(struct timers *ts, size_t i, struct timer *t)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (ts->heap[parent]->due_ms <= t->due_ms)
            break;
        put(ts, i, ts->heap[parent]);
        i = parent;
    }
    put(ts, i, t);
}

static void sift_down(struct timers *ts, size_t i, struct timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= ts->n)
            break;
        if (child + 1 < ts->n && ts->heap[child + 1]->due_ms < ts->heap[child]->due_ms)
            child++;
        if (t->due_ms <= ts->heap[child]->due_ms)
            break;
        put(ts, i, ts->heap[child]);
        i = child;
    }
    put(ts, i, t);
}

bool timers_add(struct timers *ts, struct timer *t)
{
    if (ts->n == ts->cap) {
        size_t cap = ts->cap == 0 ? 64 : ts->cap * 2;
        struct timer **heap = realloc(ts->heap, cap * sizeof *heap);
        if (heap == NULL)
            return false;
        ts->heap = heap;
        ts->cap = cap;
    }
    sift_up(ts, ts->n++, t);
    return true;
}

void timers_remove(struct timers *ts, struct timer *t)
{
    size_t hole = t->place - 1;
    struct timer *last = ts->heap[--ts->n];
    t->place = 0;
    if (last == t)
        return;
    if (hole > 0 && ts->heap[(hole - 1) / 2]->due_ms > last->due_ms)
        sift_up(ts, hole, last);
    else
        sift_down(ts, hole, last);
}

void timers_close(struct timers *ts)
{
    free(ts->heap);
    *ts = (struct timers){ 0 };
}
