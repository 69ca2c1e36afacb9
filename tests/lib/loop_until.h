/* Turns a loop from a test until something is true, instead of sleeping.
 *
 * The condition is looked at between runs of the loop, so it can be any
 * expression of the test, whatever is in flight or held meanwhile. */
#ifndef TESTS_LOOP_UNTIL_H
#define TESTS_LOOP_UNTIL_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/loop.h"

#define LOOP_UNTIL_MS 10000

struct loop_until {
    uint64_t deadline_ms;
    unsigned turns;
};

/** Lets the loop work for a round or, when it was asked often, for a
 * millisecond. false: LOOP_UNTIL_MS have passed since the first time. */
bool loop_until_turn(struct loop *loop, struct loop_until *until);

/** Runs so many rounds: what was deferred, and what that defers, has happened.
 * For tests that something does not happen. */
void loop_turns(struct loop *loop, unsigned rounds);

/** Runs the loop until @condition holds; the test fails if it never does. */
#define LOOP_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        struct loop_until until_ = { 0 };                                                          \
        while (!(condition))                                                                       \
            cr_assert(loop_until_turn(loop, &until_), "not within %d ms: %s", LOOP_UNTIL_MS,       \
                      #condition);                                                                 \
    } while (0)

#endif
