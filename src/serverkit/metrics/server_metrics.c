#include "metrics.h"
#include "weir/server.h"

static void print(struct exposition *e, const char *name, enum metric_kind kind, const char *help,
                  uint64_t value)
{
    exposition_family(e, "http2_server", name, kind, help);
    exposition_count(e, NULL, value);
}

static void count(struct exposition *e, const char *name, const char *help, uint64_t value)
{
    print(e, name, METRIC_COUNTER, help, value);
}

static void print_refused(struct exposition *e, const struct server_stats *s)
{
    exposition_family(e, "http2_server", "refused_total", METRIC_COUNTER,
                      "Connections, streams and frames that were refused or cut.");
    for (size_t i = 0; i < s->nrefused; i++) {
        const struct label reason = { "reason", s->refused[i].reason };
        exposition_count(e, &(struct labels){ &reason, 1 }, s->refused[i].n);
    }
}

void metrics_of_server(struct exposition *e, void *arg)
{
    struct server_stats s;
    if (!server_stats(arg, &s))
        return;
    print(e, "connections", METRIC_GAUGE, "Open connections.", s.connections);
    count(e, "connections_opened_total", "Connections that were accepted.", s.connections_opened);
    count(e, "streams_total", "Streams that clients opened.", s.streams);
    count(e, "streams_ok_total", "Streams that ended with the status OK.", s.streams_ok);
    count(e, "streams_reset_total", "Streams that were reset, or cut with their connection.",
          s.streams_reset);
    count(e, "received_bytes_total", "Bytes received, as on the wire.", s.received_bytes);
    count(e, "sent_bytes_total", "Bytes sent, as on the wire.", s.sent_bytes);
    count(e, "pings_received_total", "Pings that came from clients.", s.pings_received);
    count(e, "pings_sent_total", "Pings that were sent to clients.", s.pings_sent);
    count(e, "tls_handshakes_total", "TLS handshakes that succeeded.", s.tls_handshakes);
    count(e, "tls_resumed_total", "TLS handshakes that resumed a session.", s.tls_resumed);
    print_refused(e, &s);
}
