/* Gives memory that malloc keeps back to the system.
 *
 * Memory that is freed between two blocks in use stays with the process. So after a
 * burst of calls a server would stay as large as it was at its largest. Every few
 * seconds this checks whether much is unused, and then gives whole pages of it back.
 * It does so outside of the loops, because it walks over everything that is free. */
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
