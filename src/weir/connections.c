#include "connections.h"

#include <sys/resource.h>

#include "base/log.h"

struct connection_options connection_options = {
    .keepalive_time_ms = 60 * 1000,
    .keepalive_timeout_ms = 20 * 1000,
    .keepalive_min_time_ms = 5 * 1000,
    .keepalive_without_stream = true,
    .max_idle_ms = 5 * 60 * 1000,
    .max_age_ms = 30 * 60 * 1000,
    .max_age_grace_ms = 5 * 60 * 1000,
    .handshake_timeout_ms = 10 * 1000,
    .max_streams = 100,
    .max_connections = 10000,
    .memory_bytes = 160 << 20,
};

struct budget connection_budget;

struct budget *connections_budget(void)
{
    connection_budget.max = (size_t)connection_options.memory_bytes;
    return &connection_budget;
}

static const struct option_row rows[] = {
    OPT_DURATION("keepalive-time", connection_options.keepalive_time_ms,
                 "ping a client that has been silent for this long; 0: never"),
    OPT_DURATION("keepalive-timeout", connection_options.keepalive_timeout_ms,
                 "the client counts as gone if it has not answered the ping by then"),
    OPT_DURATION(
        "keepalive-min-time", connection_options.keepalive_min_time_ms,
        "how often clients may ping; the third ping that comes too early ends the connection"),
    OPT_FLAG("keepalive-without-stream", connection_options.keepalive_without_stream,
             "connections without a call are pinged too, and may ping"),
    OPT_DURATION("max-connection-idle", connection_options.max_idle_ms,
                 "close a connection that has had no call for this long; 0: never"),
    OPT_DURATION("max-connection-age", connection_options.max_age_ms,
                 "a connection that is older gets no new calls, and its client makes another one; "
                 "0: any age"),
    OPT_DURATION(
        "max-connection-age-grace", connection_options.max_age_grace_ms,
        "how much longer the calls of such a connection may take; 0: as long as they like"),
    OPT_DURATION("handshake-timeout", connection_options.handshake_timeout_ms,
                 "how long a new connection may take until it speaks HTTP/2"),
    OPT_INT("max-streams", connection_options.max_streams,
            "how many calls one connection may have at once; clients wait with the others; 0: any "
            "number",
            .max = INT32_MAX),
    OPT_INT("max-connections", connection_options.max_connections,
            "with --transport http: how many connections there may be at once; one more is closed "
            "when it comes; 0: any number",
            .max = INT32_MAX),
    OPT_INT("connection-memory", connection_options.memory_bytes,
            "the most bytes that connections, their calls and their answers may take together; "
            "near that the connection that holds most is cut off; 0: no limit",
            .max = INT64_MAX),
};

const struct option_group connection_group = { "Connections", rows, sizeof rows / sizeof rows[0] };

void connections_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        log_debug("up to %llu descriptors", (unsigned long long)limit.rlim_cur);
}
