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
    struct channelz_stats f;
    (void)arg;
    channelz_of_servers(&f);
    print(e, "calls_started_total", METRIC_COUNTER, "Calls that reached the core.",
          f.calls_started);
    print(e, "calls_succeeded_total", METRIC_COUNTER, "Calls that the core ended with OK.",
          f.calls_succeeded);
    print(e, "calls_failed_total", METRIC_COUNTER, "Calls that the core ended otherwise.",
          f.calls_failed);
    print(e, "connections", METRIC_GAUGE, "Open connections.", f.connections);
    print(e, "connection_streams_started", METRIC_GAUGE, "Streams, of the open connections.",
          f.streams_started);
    print(e, "connection_streams_succeeded", METRIC_GAUGE,
          "Streams that ended well, of the open connections.", f.streams_succeeded);
    print(e, "connection_streams_failed", METRIC_GAUGE,
          "Streams that were cut, of the open connections.", f.streams_failed);
    print(e, "connection_messages_received", METRIC_GAUGE,
          "Messages received on the open connections.", f.messages_received);
    print(e, "connection_messages_sent", METRIC_GAUGE, "Messages sent on the open connections.",
          f.messages_sent);
    print(e, "connection_keepalives_sent", METRIC_GAUGE, "Pings sent on the open connections.",
          f.keepalives_sent);
}
