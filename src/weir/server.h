/* The server side: a table of methods, served on every loop.
 *
 * A service is a name and an array of `struct method`: its path, how many
 * requests and responses a call has, and the handler. Nothing else is needed;
 * see src/user/user_service.c for a whole one. */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connections.h"
#include "stream.h"

struct budget;
struct loop;
struct server;
struct web_options;

enum side { ONE, MANY };

struct method {
    const char *path;   /* "/v1.user.User/GetUser" */
    enum side requests; /* MANY: a stream */
    enum side responses;
    const struct stream_handler *handler;
    const void *data;  /* the handler's own: what tells this method from its others */
    const char *scope; /* a word for an interceptor that asks what the caller may; NULL:
                          anyone may call it */
};

struct service {
    const char *name; /* "v1.user.User", as health and reflection know it */
    const struct method *methods;
    size_t nmethods;
};

/** The method of this path, or NULL. Any thread. */
const struct method *services_find(const struct service *const *services, size_t n,
                                   const char *path);

/* What a server speaks HTTP/2 with. */
enum server_transport {
    TRANSPORT_HTTP, /* nghttp2 on libuv (http/): loops that sleep IN_UV */
    TRANSPORT_CORE, /* the gRPC core (grpc_core/), for comparison: loops that sleep IN_CORE */
};

/* Each transport keeps the limits of time itself: http/http_call.c and http/conn.c,
 * grpc_core/core_server_call.c. What is to hold for calls whatever they are carried by
 * is an interceptor's (interceptor.h). */
struct server_options {
    enum server_transport transport;
    int64_t max_request_bytes; /* of one message; 0: 4 MiB. Above: RESOURCE_EXHAUSTED */
    bool compress;             /* answers, with gzip, for clients that take it */
    uint64_t write_timeout_ms; /* a message or status not taken for so long ends the
                                  call with UNAVAILABLE; 0: never */
    uint64_t max_call_ms;      /* a call of one request and one response that has no
                                  deadline gets this one, and so does one of one request
                                  until that is there: DEADLINE_EXCEEDED; 0: none */
    struct connection_options connections;
    struct budget *budget;         /* what connections hold is told to this one, which may be
                                      over: then some are cut; NULL: of memory_bytes, its own */
    struct tls_server *tls;        /* encrypt, but on unix: (tls.h); NULL: plaintext */
    const struct chain *chain;     /* its interceptors (interceptor.h); NULL: none */
    const struct web_options *web; /* other protocols than gRPC (web_options.h); NULL: none */
};

/** Makes a server of @services, whose methods must stay, on @loops, which run
 * later. @options may be NULL. Returns 0 or ENOMEM; or EEXIST: one path twice. */
int server_new(struct server **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices,
               const struct server_options *options);

#define SERVER_ERROR_MAX    256
#define SERVER_REFUSALS_MAX 32

/** Listens on @address: "host:port", "[::1]:port" or "unix:path". Port 0: any
 * free one. Returns the port (1 for unix:), or 0, and @error (may be NULL) says
 * why the address cannot be had. A path that a server answers on is in use; one that is
 * left over is taken. Before server_start(). */
int server_listen(struct server *server, const char *address, char error[SERVER_ERROR_MAX]);

/** Whether server_listen() could have @address now, which is tried and given back. As there, but
 * without a server. */
bool server_could_listen(const char *address, char error[SERVER_ERROR_MAX]);

/** Starts to accept calls. Once. Returns 0; or ENOMEM, and it has not started. */
int server_start(struct server *server);

/* What a server has counted since it was made, but for @connections. Bytes are
 * those on the wire, with HTTP/2's own and TLS. */
struct server_stats {
    uint64_t connections; /* that are open now */
    uint64_t connections_opened;
    uint64_t streams; /* that clients opened: calls, and what is none */
    uint64_t streams_ok;
    uint64_t streams_reset; /* by either side, or cut with their connection */
    uint64_t received_bytes, sent_bytes;
    uint64_t pings_received, pings_sent;
    uint64_t tls_handshakes; /* that came to a good end */
    uint64_t tls_resumed;    /* of those: with a ticket */

    /* Connections, streams and frames that it did not put up with. */
    struct server_refusal {
        const char *reason; /* one lower-case word with '_' */
        uint64_t n;
    } refused[SERVER_REFUSALS_MAX];
    size_t nrefused;
};

/** Adds it up. false: the server's transport does not count (TRANSPORT_CORE).
 * Any thread, from server_new() to server_free(). */
bool server_stats(const struct server *server, struct server_stats *ret);

/** Stops: no new calls; every handler's on_drain; whatever is still open after
 * @timeout_ms ends with UNAVAILABLE. Then @done(server, arg), on the first
 * loop. Only there, once, after server_start(). */
void server_drain(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg);

/** Frees a server that has drained: in server_drain()'s done or later, whether
 * the other loops still run or not. Or one that never started, and then the
 * first loop is run for a moment, with whatever else it has to do; from no
 * callback. NULL is fine. */
void server_free(struct server *server);

#endif
