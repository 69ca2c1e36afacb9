/* Tables of states: what each state is called, and which states may follow it. For
 * whatever has a state, one function sets it, by a step of the table:
 *
 *   static const struct state_row doors[] = {
 *       [OPEN] = { "OPEN", STATE(SHUT) },
 *       [SHUT] = { "SHUT", STATE(OPEN) | STATE(LOCKED) },
 *       [LOCKED] = { "LOCKED", 0 },
 *   };
 *   d->state = state_step_logged(doors, d->state, next, "door %d", d->number); */
#ifndef BASE_STATES_H
#define BASE_STATES_H

#include <assert.h>

#include "log.h"

#define STATE(state) (1u << (state))

struct state_row {
    const char *name; /* for the log; NULL: its steps are not logged */
    unsigned next;    /* STATE(A) | STATE(B): which may follow it */
};

/** Returns @to, which must be one that may follow @from. */
static inline unsigned state_step(const struct state_row *rows, unsigned from, unsigned to)
{
    assert(rows[from].next & STATE(to));
    (void)rows, (void)from;
    return to;
}

/** The same, and at the level of debug it logs "WHO: FROM -> TO". WHO is a format
 * and what it needs, which are looked at only then. */
#define state_step_logged(rows, from, to, ...)                                                     \
    (log_on(LOG_DEBUG) ? state_log(rows, from, to, __VA_ARGS__) : (void)0,                         \
     state_step(rows, from, to))

/** Logs that line. */
__attribute__((format(printf, 4, 5))) void state_log(const struct state_row *rows, unsigned from,
                                                     unsigned to, const char *who, ...);

#endif
