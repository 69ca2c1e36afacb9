/* How a connection's window follows what is under way. */
#include <criterion/criterion.h>

#include "weir/http/bdp.h"

static struct bdp g_bdp;

static void init(void)
{
    bdp_init(&g_bdp);
}

TestSuite(bdp, .init = init);

/* An upload that fills the window in each round trip. */
static bool grows_once(void)
{
    const uint32_t before = g_bdp.window;
    while (!bdp_count(&g_bdp, 4096))
        ;
    bdp_count(&g_bdp, before);
    return bdp_answered(&g_bdp) && g_bdp.window > before;
}

Test(bdp, a_full_window_grows_to_the_largest)
{
    int steps = 0;
    while (g_bdp.window < BDP_WINDOW_MAX && steps < 20) {
        cr_assert(grows_once());
        steps++;
    }
    cr_assert_eq(g_bdp.window, BDP_WINDOW_MAX);
    cr_assert_lt(steps, 5);
    cr_assert_not(bdp_count(&g_bdp, 1 << 20), "nothing is asked any more");
}

Test(bdp, a_little_asks_nothing)
{
    for (int i = 0; i < 31; i++)
        cr_assert_not(bdp_count(&g_bdp, 1024));
    cr_assert(bdp_count(&g_bdp, 1024));
    cr_assert_not(bdp_count(&g_bdp, 1 << 20), "it is asked already");
}

Test(bdp, a_window_that_is_not_full_stays)
{
    while (!bdp_count(&g_bdp, 4096))
        ;
    bdp_count(&g_bdp, BDP_WINDOW_MIN / 2 - 1);
    cr_assert_not(bdp_answered(&g_bdp));
    cr_assert_eq(g_bdp.window, BDP_WINDOW_MIN);
}

/* A client may answer what nobody has asked. */
Test(bdp, an_answer_without_a_ping_changes_nothing)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert_not(bdp_count(&g_bdp, 31 * 1024));
        cr_assert_not(bdp_answered(&g_bdp));
    }
    cr_assert_eq(g_bdp.window, BDP_WINDOW_MIN);
}
