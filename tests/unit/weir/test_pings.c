/* Pings of a client: which are too early, and when they are too many. */
#include <criterion/criterion.h>

#include "weir/http/pings.h"

#define MIN_MS 1000

Test(pings, the_first_is_free)
{
    struct pings p = { 0 };
    cr_assert(pings_take(&p, 5, PING_IDLE_MIN_MS));
    cr_assert_eq(p.strikes, 0);
}

Test(pings, the_third_that_is_early_is_too_many)
{
    struct pings p = { 0 };
    cr_assert(pings_take(&p, 0, MIN_MS));
    cr_assert(pings_take(&p, 10, MIN_MS));
    cr_assert(pings_take(&p, 20, MIN_MS));
    cr_assert_not(pings_take(&p, 30, MIN_MS));
    cr_assert_not(pings_take(&p, 40, MIN_MS));
}

/* From the last one that was not early: early ones do not move it. */
Test(pings, they_must_be_so_far_apart)
{
    struct pings p = { 0 };
    for (uint64_t now_ms = 0; now_ms < 20 * MIN_MS; now_ms += MIN_MS)
        cr_assert(pings_take(&p, now_ms, MIN_MS));
    cr_assert_eq(p.strikes, 0);
    cr_assert(pings_take(&p, 20 * MIN_MS - 1, MIN_MS));
    cr_assert_eq(p.strikes, 1);
    cr_assert(pings_take(&p, 20 * MIN_MS, MIN_MS));
    cr_assert_eq(p.strikes, 1, "it stays");
}

Test(pings, where_there_is_no_minimum_none_is_early)
{
    struct pings p = { 0 };
    for (int i = 0; i < 1000; i++)
        cr_assert(pings_take(&p, 7, 0));
}

Test(pings, what_is_sent_forgives)
{
    struct pings p = { 0 };
    for (int i = 0; i < 100; i++) {
        cr_assert(pings_take(&p, 1, MIN_MS));
        cr_assert(pings_take(&p, 1, MIN_MS));
        cr_assert(pings_take(&p, 1, MIN_MS));
        pings_forgive(&p);
    }
    cr_assert_eq(p.strikes, 0);
}
