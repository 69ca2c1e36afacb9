/* Gives memory back to the system that malloc keeps.
 *
 * What is freed between two blocks in use stays with the process: a burst of
 * calls leaves a server as large as it was at its largest. So every few seconds
 * it is looked whether much is unused, and then whole pages of that are given
 * back; off the loops, since it walks all that is free. */
#ifndef DAEMON_TRIM_H
#define DAEMON_TRIM_H

struct loop;
struct trim;

/** Begins, on @loop, which does not run yet. Returns 0 or ENOMEM. */
int trim_start(struct trim **ret, struct loop *loop);

/** Ends it, and frees it, perhaps later: the loop is held for so long. On its
 * thread. NULL is fine. */
void trim_stop(struct trim *trim);

#endif
