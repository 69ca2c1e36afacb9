/* What gRPC's core counts itself of this process's servers on it (channelz). */
#ifndef CORE_CHANNELZ_H
#define CORE_CHANNELZ_H

#include <stdint.h>

struct channelz_stats {
    /* Since the servers were made. */
    uint64_t calls_started, calls_succeeded, calls_failed;
    uint64_t connections; /* that are open; the rest is of them alone: */
    uint64_t streams_started, streams_succeeded, streams_failed;
    uint64_t messages_received, messages_sent;
    uint64_t keepalives_sent;
};

/** Adds up what there is now; what there is no memory for is left out. Any
 * thread, while the core is in use. */
void channelz_of_servers(struct channelz_stats *ret);

#endif
