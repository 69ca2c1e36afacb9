/* The process asks itself whether its listeners on gRPC's core still accept. (Those of
 * our own transport always do: weir/http/listener.h.)
 *
 * gRPC's core stops to accept for good when accept() fails once, as it does when the
 * process has no descriptor left. Then clients connect to the kernel only, and wait. So
 * a connection to each listener is made every now and then. The server must react to
 * it: send its settings, or hang up. If nothing comes three times in a row, the listener
 * is dead. */
#ifndef DAEMON_SELF_PROBE_H
#define DAEMON_SELF_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct self_probe;

/** Makes one that asks every @interval_ms, on @loop, and reports at most once.
 * Returns 0 or ENOMEM. */
int self_probe_new(struct self_probe **ret, struct loop *loop, uint64_t interval_ms,
                   void (*dead)(const char *address, void *arg), void *arg);

/** Adds a listener: "host:port" or "unix:path", with the @port that it has.
 * What is no address of this machine is not asked. Before it starts. */
void self_probe_add(struct self_probe *probe, const char *address, int port);

/** Begins; and ends, and frees it. On the loop's thread, or before it runs.
 * NULL is fine. */
void self_probe_start(struct self_probe *probe);
void self_probe_free(struct self_probe *probe);

#endif
