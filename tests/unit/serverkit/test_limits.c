#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serverkit/intercept/limits.h"

#define SECOND 1000000000ull
#define NOW    (1000 * SECOND)

static struct limits *limits_of(struct limits_options options)
{
    struct limits *l = malloc(sizeof *l);
    limits_init(l, &options);
    return l;
}

static uint32_t g_place;
static struct status g_why;

static bool enter(struct limits *l, const char *caller, uint64_t now_ns)
{
    return limits_enter(l, bytes_of_text(caller), now_ns, &g_place, &g_why);
}

Test(limits, of_all_calls)
{
    struct limits *l = limits_of((struct limits_options){ .max_calls = 2 });
    cr_assert(enter(l, "a", NOW));
    cr_assert(enter(l, "b", NOW));
    cr_assert_not(enter(l, "c", NOW));
    cr_assert_eq(g_why.code, STATUS_RESOURCE_EXHAUSTED);
    cr_assert_str_eq(g_why.reason, "TOO_MANY_CALLS");
    cr_assert_eq(g_why.retry_after_ms, 1000);
    limits_leave(l, LIMITS_NO_PLACE);
    cr_assert(enter(l, "c", NOW));
    free(l);
}

Test(limits, of_the_calls_of_one_caller)
{
    struct limits *l =
        limits_of((struct limits_options){ .max_calls = 100, .max_calls_per_caller = 2 });
    cr_assert(enter(l, "a", NOW));
    const uint32_t first = g_place;
    cr_assert(enter(l, "a", NOW));
    cr_assert_eq(g_place, first);
    cr_assert_not(enter(l, "a", NOW));
    cr_assert_str_eq(g_why.reason, "TOO_MANY_CALLS_OF_CALLER");
    cr_assert_str_eq(g_why.message, "too many calls at once of a: one caller may have 2");
    cr_assert(enter(l, "b", NOW));
    cr_assert_neq(g_place, first);
    limits_leave(l, first);
    cr_assert(enter(l, "a", NOW));
    cr_assert_not(enter(l, "a", NOW));
    cr_assert_eq(l->calls, 3); /* what was refused is not counted */
    free(l);
}

Test(limits, of_the_rate_of_one_caller)
{
    struct limits *l = limits_of((struct limits_options){ .max_calls = 100, .rate_per_caller = 4 });
    uint64_t now = NOW;
    for (int i = 0; i < 4; i++) {
        cr_assert(enter(l, "a", now));
        limits_leave(l, g_place);
    }
    cr_assert_not(enter(l, "a", now));
    cr_assert_str_eq(g_why.reason, "CALL_RATE_OF_CALLER");
    cr_assert_eq(g_why.retry_after_ms, 250);
    cr_assert_eq(l->calls, 0);
    cr_assert(enter(l, "b", now));
    limits_leave(l, g_place);

    now += SECOND / 10;
    cr_assert_not(enter(l, "a", now));
    cr_assert_eq(g_why.retry_after_ms, 150);
    now += (uint64_t)g_why.retry_after_ms * 1000000; /* who waits as long as was told gets in */
    cr_assert(enter(l, "a", now));
    cr_assert_not(enter(l, "a", now));
    now += 60 * SECOND; /* what was not used does not pile up */
    for (int i = 0; i < 4; i++)
        cr_assert(enter(l, "a", now));
    cr_assert_not(enter(l, "a", now));
    free(l);
}

/* More callers than there are places, one after another and then at once. */
Test(limits, callers_come_and_go)
{
    struct limits *l =
        limits_of((struct limits_options){ .max_calls = 2, .max_calls_per_caller = 1 });
    char name[16];
    for (int i = 0; i < 4 * LIMITS_PLACES; i++) {
        snprintf(name, sizeof name, "%d", i);
        cr_assert(enter(l, name, NOW));
        const uint32_t place = g_place;
        cr_assert_not(enter(l, name, NOW));
        cr_assert(enter(l, "another", NOW));
        limits_leave(l, g_place);
        limits_leave(l, place);
    }
    cr_assert_eq(l->calls, 0);
    free(l);
}

Test(limits, more_callers_at_once_than_places_share_them)
{
    struct limits *l =
        limits_of((struct limits_options){ .max_calls = INT32_MAX, .max_calls_per_caller = 1000 });
    const int n = 4 * LIMITS_PLACES;
    uint32_t *places = calloc((size_t)n, sizeof *places);
    char name[16];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", i);
        cr_assert(enter(l, name, NOW));
        places[i] = g_place;
    }
    for (int i = 0; i < n; i++)
        limits_leave(l, places[i]);
    cr_assert_eq(l->calls, 0);
    for (size_t i = 0; i < LIMITS_PLACES; i++)
        cr_assert_eq(l->places[i].owner & 0xffffff, 0);
    free(places);
    free(l);
}

#define THREADS 4
#define TURNS   20000

static struct limits *g_shared;
static _Atomic int g_inside;
static _Atomic bool g_too_many;

static void *come_and_go(void *arg)
{
    struct status why;
    uint32_t place;
    (void)arg;
    for (int i = 0; i < TURNS; i++)
        if (limits_enter(g_shared, bytes_of_text("a"), NOW, &place, &why)) {
            if (++g_inside > 2)
                g_too_many = true;
            g_inside--;
            limits_leave(g_shared, place);
        }
    return NULL;
}

Test(limits, hold_for_all_threads_together)
{
    pthread_t threads[THREADS];
    g_shared = limits_of((struct limits_options){ .max_calls = 100, .max_calls_per_caller = 2 });
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_not(g_too_many);
    cr_assert_eq(g_shared->calls, 0);
    cr_assert(enter(g_shared, "a", NOW));
    cr_assert(enter(g_shared, "a", NOW));
    cr_assert_not(enter(g_shared, "a", NOW));
    free(g_shared);
}

/* Four a second: what is spent comes back, and others have their own. */
Test(limits, of_what_shows_later)
{
    struct limits *l = limits_of((struct limits_options){ .max_calls = 100, .rate_per_caller = 4 });
    const struct bytes a = bytes_of_text("a"), b = bytes_of_text("b");
    uint32_t wait_ms;
    for (int i = 0; i < 4; i++) {
        cr_assert_not(limits_spent(l, a, NOW, &wait_ms));
        limits_spend(l, a, NOW);
    }
    cr_assert(limits_spent(l, a, NOW, &wait_ms));
    cr_assert_eq(wait_ms, 250);
    cr_assert_not(limits_spent(l, b, NOW, &wait_ms));
    limits_spend(l, a, NOW); /* one too many costs no more */
    cr_assert_not(limits_spent(l, a, NOW + SECOND / 4, &wait_ms));
    cr_assert_eq(l->calls, 0);
    free(l);
}
