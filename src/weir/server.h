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
    const void *data;  /* for the handler, which may serve several methods by it */
    const char *scope; /* what the token of a caller must allow, for an interceptor that
                          checks it; NULL: anyone may call the method */
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
 * grpc_core/core_server_call.c. What must hold for calls on every transport belongs
 * into an interceptor (interceptor.h). */
struct server_options {
    enum server_transport transport;
    int64_t max_request_bytes; /* of one message; a larger one is RESOURCE_EXHAUSTED.
                                  0: 4 MiB */
    bool compress;             /* compress answers with gzip, for clients that take it */
    uint64_t write_timeout_ms; /* a call whose client has taken nothing for this long ends
                                  with UNAVAILABLE; 0: never */
    uint64_t max_call_ms;      /* the deadline of a unary call that brings none: then it is
                                  DEADLINE_EXCEEDED. A stream with one request has this time
                                  until the request is there. 0: none */
    struct connection_options connections;
    struct budget *budget;         /* counts what connections hold; when it is exceeded, some
                                      are cut. NULL: a budget of the server's own */
    struct tls_server *tls;        /* encrypts all listeners but unix: (tls.h); NULL: plaintext */
    const struct chain *chain;     /* its interceptors (interceptor.h); NULL: none */
    const struct web_options *web; /* other protocols than gRPC (web_options.h); NULL: none */
};

/** Makes a server of @services on @loops, which run later. The methods must stay
 * where they are as long as the server does. @options may be NULL. Returns 0, or
 * ENOMEM, or EEXIST if two methods have one path. */
int server_new(struct server **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices,
               const struct server_options *options);

#define SERVER_ERROR_MAX    256
#define SERVER_REFUSALS_MAX 32

/** Listens on @address: "host:port", "[::1]:port" or "unix:path". Port 0 takes any
 * free port. Returns the port (1 for unix:), or 0, and then @error (may be NULL) says
 * why the address cannot be had. A path on which a server answers is in use. A path
 * that was left over by an earlier server is taken. Call it before server_start(). */
int server_listen(struct server *server, const char *address, char error[SERVER_ERROR_MAX]);

/** Whether server_listen() would succeed with @address now. It tries, and gives the address back.
 * It needs no server. @error is as there. */
bool server_could_listen(const char *address, char error[SERVER_ERROR_MAX]);

/** Starts to accept calls. Call it once. Returns 0, or ENOMEM if it has not started. */
int server_start(struct server *server);

/* What a server has counted since it was made; only @connections is the number of
 * now. Bytes are those on the wire, HTTP/2's own and those of TLS included. */
struct server_stats {
    uint64_t connections; /* that are open now */
    uint64_t connections_opened;
    uint64_t streams; /* that clients opened: calls, and what did not become one */
    uint64_t streams_ok;
    uint64_t streams_reset; /* by either side, or cut with their connection */
    uint64_t received_bytes, sent_bytes;
    uint64_t pings_received, pings_sent;
    uint64_t tls_handshakes; /* that succeeded */
    uint64_t tls_resumed;    /* of those, how many resumed a session with a ticket */

    /* Connections, streams and frames that were refused or cut. */
    struct server_refusal {
        const char *reason; /* one lower-case word with '_' */
        uint64_t n;
    } refused[SERVER_REFUSALS_MAX];
    size_t nrefused;
};

/** Adds up what the loops have counted. false: the transport of the server does not
 * count (TRANSPORT_CORE). Any thread, from server_new() to server_free(). */
bool server_stats(const struct server *server, struct server_stats *ret);

/** Stops the server. It takes no new calls, and calls on_drain of every handler.
 * Whatever is still open after @timeout_ms ends with UNAVAILABLE. Then it calls
 * @done(server, arg) on the first loop. Call it on the first loop, once, after
 * server_start(). */
void server_drain(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg);

/** Frees a server that has drained, in server_drain()'s done or later. The other
 * loops may still run. It also frees a server that never started. Then it runs
 * the first loop for a moment, with whatever else that has to do, so do not call
 * it from a callback. NULL is fine. */
void server_free(struct server *server);

#endif
