#include "metrics.h"
#include "weir/grpc_core/channelz.h"

static void print(struct exposition *e, const char *name, enum metric_kind kind, const char *help,
                  uint64_t value)
{
    exposition_family(e, "grpc_core", name, kind, help);
    exposition_count(e, NULL, value);
}

void metrics_of_core(struct exposition *e, void *arg)
{
    struct channelz_stats s;
    (void)arg;
    channelz_of_servers(&s);
    print(e, "calls_started_total", METRIC_COUNTER, "Calls that reached the core.",
          s.calls_started);
    print(e, "calls_succeeded_total", METRIC_COUNTER, "Calls that the core ended with OK.",
          s.calls_succeeded);
    print(e, "calls_failed_total", METRIC_COUNTER, "Calls that the core ended otherwise.",
          s.calls_failed);
    print(e, "connections", METRIC_GAUGE, "Open connections.", s.connections);
    print(e, "connection_streams_started", METRIC_GAUGE, "Streams, of the open connections.",
          s.streams_started);
    print(e, "connection_streams_succeeded", METRIC_GAUGE,
          "Streams that ended well, of the open connections.", s.streams_succeeded);
    print(e, "connection_streams_failed", METRIC_GAUGE,
          "Streams that were cut, of the open connections.", s.streams_failed);
    print(e, "connection_messages_received", METRIC_GAUGE,
          "Messages received on the open connections.", s.messages_received);
    print(e, "connection_messages_sent", METRIC_GAUGE, "Messages sent on the open connections.",
          s.messages_sent);
    print(e, "connection_keepalives_sent", METRIC_GAUGE, "Pings sent on the open connections.",
          s.keepalives_sent);
}
