/* What becomes of connections and calls, counted: each lane for itself. What is counted
 * here has a place in struct server_stats (weir/server.h) too, in which all lanes are added
 * up; whoever prints metrics reads that. */
#ifndef HTTP_CONN_STATS_H
#define HTTP_CONN_STATS_H

#include "base/counter.h"
#include "weir/server.h"

/* Why a connection or a call was refused or cut. */
#define REFUSAL_MAP(X)                                                                             \
    X(HELLO_TIMEOUT, "handshake_timeout")                                                          \
    X(BAD_PREFACE, "bad_preface")                                                                  \
    X(TLS_FAILED, "tls_failed")                                                                    \
    X(PROTOCOL_ERROR, "protocol_error")                                                            \
    X(TOO_MANY_CONNECTIONS, "too_many_connections")                                                \
    X(NO_DESCRIPTOR, "no_descriptor")                                                              \
    X(TOO_MANY_STREAMS, "too_many_streams")                                                        \
    X(TOO_MANY_PINGS, "too_many_pings")                                                            \
    X(FLOOD, "flood")                                                                              \
    X(HEADERS_TOO_LARGE, "headers_too_large")                                                      \
    X(NOT_GRPC, "not_grpc")                                                                        \
    X(KEEPALIVE, "keepalive_timeout")                                                              \
    X(WRITE, "write_timeout")                                                                      \
    X(MEMORY, "memory")

enum refusal {
#define X(name, text) REFUSED_##name,
    REFUSAL_MAP(X)
#undef X
        REFUSED_NR
};

/** As it is logged and counted: its text above. */
const char *refusal_text(enum refusal why);

/* What a lane counts; written by its thread, read by any. */
struct conn_stats {
    struct counter opened, closed;
    struct counter streams, streams_ok, streams_reset;
    struct counter bytes_in, bytes_out;
    struct counter pings_in, pings_out;
    struct counter handshakes, resumed;
    struct counter refused[REFUSED_NR];
};

/** No stats yet, with all reasons. */
void conn_stats_begin(struct server_stats *ret);

/** Adds a lane's to @to. Any thread. */
void conn_stats_add(struct server_stats *to, const struct conn_stats *lane);

#endif
