/* How a server keeps its connections: when it asks whether a client is still
 * there, how old a connection gets, and what a client may do with one.
 *
 * Each transport does it by itself (http/conn.c; the core has switches of its own, which
 * grpc_core/core_server.c sets). The group "Connections" of a server's options sets these. */
#ifndef WEIR_CONNECTIONS_H
#define WEIR_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/options.h"

/* All zero: there are no pings and no limits, and clients may ping as they like. */
struct connection_options {
    /* A client that is silent for this long is pinged (0: never). Without an
     * answer within the timeout (0: 20 s, gRPC's own) it counts as gone. */
    uint64_t keepalive_time_ms, keepalive_timeout_ms;

    /* The least time between pings of a client. The third ping that comes too
     * early, with no message of ours in between, closes its connection: GOAWAY,
     * "too_many_pings". */
    uint64_t keepalive_min_time_ms;

    /* Connections without a call are pinged too, and may ping. It is one switch,
     * because the core has only one. */
    bool keepalive_without_stream;

    /* 0: never. An old connection takes no more calls: it gets GOAWAY, and its
     * client makes a new one. Calls that are open after the grace are cut with
     * it. Ages vary by a tenth, so that connections that were made together do
     * not end together. */
    uint64_t max_idle_ms, max_age_ms, max_age_grace_ms;

    uint64_t handshake_timeout_ms; /* from accept to HTTP/2; 0: 2 min, gRPC's own */

    /* Calls at once on a connection; 0: any number. Clients wait with the others;
     * if a client does not, its connection is closed. */
    int64_t max_streams;

    /* Connections of a server at once; 0: any number. One more is closed at once.
     * The core does not have this. */
    int64_t max_connections;

    /* Bytes that connections and answers may take together; 0: any amount. Near it
     * the connections that hold most are cut (http/pressure.h). On the core it is
     * the core's quota for calls and for messages that come in. Beyond that the
     * core resets calls, whosever they are. */
    int64_t memory_bytes;
};

/** What the group sets. It has the defaults until options_parse(). */
extern struct connection_options connection_options;

/** The process's total (budget.h). Its limit is connection_options.memory_bytes,
 * set with connections_budget(). */
extern struct budget connection_budget;

/** connection_budget with its limit set, once options are parsed. */
struct budget *connections_budget(void);
extern const struct option_group connection_group;

/** Raises the process's limit of descriptors as far as it may. When none is left a
 * connection is refused, and the core then stops to accept for good. */
void connections_raise_limit(void);

#endif
