/* Signs of life of loops. Each loop is asked by loop_post(), and has answered once it runs
 * that. A loop that hangs does not answer. It does not matter which thread asks, but it must
 * be one at a time. */
#ifndef DAEMON_PULSE_H
#define DAEMON_PULSE_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct pulse;

/** For @loops, which stay the caller's. Returns 0 or ENOMEM. */
int pulse_new(struct pulse **ret, struct loop *const *loops, size_t n);

/** Asks every loop. Call it only if all have answered before, or questions would pile up. */
void pulse_ask(struct pulse *p);

/** The first loop that has not answered the last question. false: all have, or none was asked. */
bool pulse_silent(const struct pulse *p, size_t *ret_loop);

/** After loop_free() of the loops, which may still have a question. NULL is fine. */
void pulse_free(struct pulse *p);

#endif
