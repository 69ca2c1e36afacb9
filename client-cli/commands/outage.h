/* A listing that broke, and goes on: how often that is tried, how long, and what is said of
 * it. A program has one listing, and so there is one outage at a time.
 *
 *   fine -a call failed, outage_next()-> trying -a message, outage_over()-> fine
 *                                        trying -enough tries, or time is over-> given up
 *
 * Time is over when all waits between the tries would be, if each took as long as it can
 * (backoff.h), and two seconds more: so there is an end that can be told beforehand. A call that is
 * open then gets no more time; the listing ends with what the outage began with. */
#ifndef CLI_OUTAGE_H
#define CLI_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct session;
struct status;

/** At the listing's begin. @tries: since the last progress, then it is given up; 0: at
 * once. */
void outage_init(struct session *s, unsigned tries);

/** A message came. @for_ever: the next outage has no end but its own. */
void outage_over(struct session *s, bool for_ever);

/** A call failed with @why. true: the next one is to come after *@ret_wait_ms. false: there is
 * to be none. A server that has itself waited for what it lacks is not made to wait again,
 * unless the listing was served before. */
bool outage_next(struct session *s, const struct status *why, uint64_t *ret_wait_ms);

#endif
