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
    { "keepalive-time", OPTION_DURATION, &connection_options.keepalive_time_ms, "DURATION",
      "ping a client that is silent for so long; 0: never", 0, 0, NULL },
    { "keepalive-timeout", OPTION_DURATION, &connection_options.keepalive_timeout_ms, "DURATION",
      "it is gone if it has not answered by then", 0, 0, NULL },
    { "keepalive-min-time", OPTION_DURATION, &connection_options.keepalive_min_time_ms, "DURATION",
      "clients may ping this often: the third ping too early ends the connection", 0, 0, NULL },
    { "keepalive-without-stream", OPTION_FLAG, &connection_options.keepalive_without_stream, NULL,
      "also connections without a call are pinged, and may ping", 0, 0, NULL },
    { "max-connection-idle", OPTION_DURATION, &connection_options.max_idle_ms, "DURATION",
      "close a connection that has had no call for so long; 0: never", 0, 0, NULL },
    { "max-connection-age", OPTION_DURATION, &connection_options.max_age_ms, "DURATION",
      "an older connection gets no new calls, clients make another; 0: any age", 0, 0, NULL },
    { "max-connection-age-grace", OPTION_DURATION, &connection_options.max_age_grace_ms, "DURATION",
      "its calls may take this much longer; 0: as long as they like", 0, 0, NULL },
    { "handshake-timeout", OPTION_DURATION, &connection_options.handshake_timeout_ms, "DURATION",
      "for a new connection to speak HTTP/2", 0, 0, NULL },
    { "max-streams", OPTION_INT, &connection_options.max_streams, "N",
      "calls at once on one connection; clients wait with the others; 0: any number", 0, INT32_MAX,
      NULL },
    { "max-connections", OPTION_INT, &connection_options.max_connections, "N",
      "with --transport http: connections at once; one more is closed when it comes; 0: any number",
      0, INT32_MAX, NULL },
    { "connection-memory", OPTION_INT, &connection_options.memory_bytes, "N",
      "most bytes that connections, their calls and answers may take together; near it the "
      "connection that holds most is cut; 0: no limit",
      0, INT64_MAX, NULL },
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
