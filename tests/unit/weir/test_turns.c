/* Who may go on in a round of the loop. */
#include <criterion/criterion.h>

#include "lib/loop_until.h"
#include "weir/http/turns.h"

#define LIMIT 10

static struct loop *loop;
static struct turns turns;

static void init(void)
{
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    turns_init(&turns, loop, LIMIT);
}

static void fini(void)
{
    loop_free(loop);
}

TestSuite(turns, .init = init, .fini = fini);

static void next_round(void)
{
    const unsigned before = loop_round(loop);
    loop_turns(loop, 1);
    cr_assert_neq(loop_round(loop), before);
}

static bool serve(struct turn *turn, size_t amount)
{
    if (!turn_may(&turns, turn))
        return false;
    turn_used(&turns, turn, amount, true);
    return true;
}

Test(turns, one_that_is_not_busy_never_waits)
{
    struct turn busy = { 0 }, light = { 0 };
    cr_assert(serve(&busy, 2 * LIMIT));
    for (int i = 0; i < 3; i++) {
        cr_assert(turn_may(&turns, &light));
        turn_used(&turns, &light, 1, false);
    }
    cr_assert_not(turn_may(&turns, &busy));
}

Test(turns, a_busy_one_alone_is_served_in_every_round)
{
    struct turn busy = { 0 };
    for (int i = 0; i < 5; i++) {
        cr_assert(serve(&busy, 1), "round %d", i);
        cr_assert_not(serve(&busy, 1), "twice in round %d", i);
        next_round();
    }
}

/* The first ones always ask first, as a system's list of ready sockets may have it. */
Test(turns, nobody_is_served_twice_before_all_are)
{
    enum { N = 7 };
    struct turn many[N] = { 0 };
    int served[N] = { 0 };
    for (int i = 0; i < N; i++)
        turn_used(&turns, &many[i], 0, true);
    next_round();
    for (int round = 0; round < 70; round++) {
        int now = 0;
        for (int i = 0; i < N; i++)
            if (serve(&many[i], LIMIT / 2)) {
                served[i]++;
                now++;
            }
        cr_assert(now == 1 || now == 2, "%d are served in round %d", now, round);
        for (int i = 0; i < N; i++)
            cr_assert(served[i] >= served[0] - 1 && served[i] <= served[0] + 1);
        next_round();
    }
    cr_assert_gt(served[N - 1], 14);
}

Test(turns, one_that_needs_little_again_is_not_busy)
{
    struct turn turn = { 0 };
    cr_assert(serve(&turn, LIMIT));
    next_round();
    cr_assert(turn_may(&turns, &turn));
    turn_used(&turns, &turn, 1, false);
    cr_assert(turn_may(&turns, &turn));
}

/* Somebody who waited and is gone keeps nobody waiting. */
Test(turns, one_that_asks_no_more_is_not_waited_for)
{
    struct turn a = { 0 }, gone = { 0 };
    turn_used(&turns, &a, 0, true);
    turn_used(&turns, &gone, 0, true);
    next_round();
    cr_assert(serve(&a, LIMIT));
    cr_assert_not(serve(&gone, LIMIT));
    next_round();
    cr_assert_not(serve(&a, LIMIT));
    next_round();
    cr_assert(serve(&a, LIMIT));
}

/* What those need that never wait is not taken from those that do. */
Test(turns, a_busy_one_goes_on_beside_many_that_are_not)
{
    struct turn busy = { 0 }, light = { 0 };
    turn_used(&turns, &busy, 0, true);
    for (int round = 0; round < 5; round++) {
        next_round();
        cr_assert(turn_may(&turns, &light));
        turn_used(&turns, &light, 2 * LIMIT, false);
        cr_assert(serve(&busy, LIMIT), "round %d", round);
    }
}
