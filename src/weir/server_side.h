/* What the two transports of servers share, http/ and grpc_core/; for nobody else. */
#ifndef WEIR_SERVER_SIDE_H
#define WEIR_SERVER_SIDE_H

#include "server.h"

struct server_ops {
    int (*listen)(struct server *server, const char *address, char error[SERVER_ERROR_MAX]);
    int (*start)(struct server *server);
    void (*drain)(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg);
    void (*free)(struct server *server);
    void (*stats)(const struct server *server, struct server_stats *ret); /* NULL: none */
};

/* The first member of what a transport makes of it. */
struct server {
    const struct server_ops *ops;
};

/** As server_new(), with @options that are complete. */
int core_server_new(struct server **ret, struct loop *const *loops, size_t nloops,
                    const struct service *const *services, size_t nservices,
                    const struct server_options *options);
int http_server_new(struct server **ret, struct loop *const *loops, size_t nloops,
                    const struct service *const *services, size_t nservices,
                    const struct server_options *options);

/* --- Calls without a handler of their own ------------------------------------------- */

/* For a path that no service has: UNIMPLEMENTED. */
extern const struct method server_unknown_method;

/* For calls that were refused. */
extern const struct stream_handler server_nobody;

/* For calls that come while the server drains: UNAVAILABLE. */
extern const struct stream_handler server_late;

/** Puts what programs can act on into the trailers of a call that ends with
 * @status. A failure is logged, and the call ends without it. */
void server_put_details(struct stream *s, const struct status *status);

#endif
