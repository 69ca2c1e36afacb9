#include "conn_stats.h"

#include <assert.h>

static_assert(REFUSED_NR <= SERVER_REFUSALS_MAX, "each reason has its place");

const char *refusal_text(enum refusal why)
{
    static const char *const texts[] = {
#define X(name, text) text,
        REFUSAL_MAP(X)
#undef X
    };
    return texts[why];
}

void conn_stats_add(struct server_stats *to, const struct conn_stats *lane)
{
    const uint64_t closed = counter_get(&lane->closed), opened = counter_get(&lane->opened);
    to->connections += opened > closed ? opened - closed : 0;
    to->connections_opened += opened;
    to->streams += counter_get(&lane->streams);
    to->streams_ok += counter_get(&lane->streams_ok);
    to->streams_reset += counter_get(&lane->streams_reset);
    to->received_bytes += counter_get(&lane->bytes_in);
    to->sent_bytes += counter_get(&lane->bytes_out);
    to->pings_received += counter_get(&lane->pings_in);
    to->pings_sent += counter_get(&lane->pings_out);
    to->tls_handshakes += counter_get(&lane->handshakes);
    to->tls_resumed += counter_get(&lane->resumed);
    for (size_t i = 0; i < REFUSED_NR; i++)
        to->refused[i].n += counter_get(&lane->refused[i]);
}

void conn_stats_begin(struct server_stats *ret)
{
    *ret = (struct server_stats){ .nrefused = REFUSED_NR };
    for (size_t i = 0; i < REFUSED_NR; i++)
        ret->refused[i].reason = refusal_text((enum refusal)i);
}
