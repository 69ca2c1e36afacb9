/* The heap of timers against a model: a plain list that is searched. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/leaks.h"
#include "weir/timers.h"

#define TIMERS 300

static struct timer g_timer[TIMERS];

static uint64_t model_first(void)
{
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (timer_running(&g_timer[i]) && g_timer[i].due_ms < first)
            first = g_timer[i].due_ms;
    return first;
}

/* Of the timer and what hangs on it, all in order. */
static size_t count(const struct timer *t)
{
    size_t n = 1;
    const struct timer *before = t;
    for (const struct timer *c = t->child; c != NULL; c = c->next) {
        cr_assert_eq(c->prev, before);
        cr_assert_leq(t->due_ms, c->due_ms);
        n += count(c);
        before = c;
    }
    return n;
}

static void check(const struct timers *ts)
{
    const struct timer *first = ts->first;
    cr_assert_eq(first == NULL ? UINT64_MAX : first->due_ms, model_first());
    cr_assert_eq(first == NULL ? 0 : count(first), ts->n);
}

Test(timers, behave_as_a_list_that_is_searched)
{
    struct timers ts = { 0 };
    size_t running = 0;
    srand(7);
    for (int step = 0; step < 20000; step++) {
        struct timer *t = &g_timer[rand() % TIMERS];
        if (timer_running(t)) {
            timers_remove(&ts, t);
            running--;
        } else {
            t->due_ms = (uint64_t)(rand() % 1000); /* many are equal */
            timers_add(&ts, t);
            running++;
        }
        cr_assert_eq(ts.n, running);
        if (step % 16 == 0)
            check(&ts);
    }
    for (uint64_t last = 0; ts.n > 0; running--) {
        struct timer *t = ts.first;
        cr_assert_geq(t->due_ms, last);
        last = t->due_ms;
        timers_remove(&ts, t);
        cr_assert_not(timer_running(t));
    }
    cr_assert_eq(running, 0);
    assert_no_leaks();
}
