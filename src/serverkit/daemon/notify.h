/* Tells the service manager how we are, by the protocol of sd_notify(3): a datagram
 * with lines of text goes to the socket that $NOTIFY_SOCKET names. If that is not
 * set, nothing happens.
 *
 * The watchdog ($WATCHDOG_USEC): three times in that span every loop is asked for a
 * sign of life (pulse.h). If all loops have answered the question before, the manager
 * is told that we live. So a loop that hangs is noticed, whichever it is. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stddef.h>

struct loop;
struct notify_watchdog;

/** "READY=1", "STOPPING=1", "STATUS=...": sends it. What cannot be sent is
 * logged at debug level. Any thread. */
void notify_send(const char *line);

/** Starts to tell the manager that the loops live, if it asks for that. *ret
 * is NULL if it does not. Returns 0 or ENOMEM. The first loop's thread; the
 * loops may not run yet. */
int notify_watchdog_start(struct notify_watchdog **ret, struct loop *const *loops, size_t n);

/** Asks no more. The first loop's thread. NULL is fine. */
void notify_watchdog_stop(struct notify_watchdog *w);

/** Frees it, after the loops. NULL is fine. */
void notify_watchdog_free(struct notify_watchdog *w);

#endif
