#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "base/log.h"
#include "server_side.h"
#include "status_details.h"

#define DEFAULT_MAX_REQUEST_BYTES (4 << 20)

const struct method *services_find(const struct service *const *services, size_t n,
                                   const char *path)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++)
            if (strcmp(services[i]->methods[k].path, path) == 0)
                return &services[i]->methods[k];
    return NULL;
}

int server_new(struct server **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices,
               const struct server_options *options)
{
    struct server_options all = { 0 };
    if (options != NULL)
        all = *options;
    if (all.max_request_bytes == 0)
        all.max_request_bytes = DEFAULT_MAX_REQUEST_BYTES;
    return (all.transport == TRANSPORT_CORE ? core_server_new : http_server_new)(
        ret, loops, nloops, services, nservices, &all);
}

int server_listen(struct server *server, const char *address, char error[SERVER_ERROR_MAX])
{
    char unwanted[SERVER_ERROR_MAX];
    if (error == NULL)
        error = unwanted;
    if (!address_is_served(address))
        return server->ops->listen(server, address, error);
    snprintf(error, SERVER_ERROR_MAX, "another server answers there");
    return 0;
}

int server_start(struct server *server)
{
    return server->ops->start(server);
}

bool server_figures(const struct server *server, struct server_figures *ret)
{
    if (server->ops->figures == NULL)
        return false;
    server->ops->figures(server, ret);
    return true;
}

void server_drain(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg)
{
    server->ops->drain(server, timeout_ms, done, arg);
}

void server_free(struct server *server)
{
    if (server != NULL)
        server->ops->free(server);
}

/* --- Calls without a handler of their own ------------------------------------------- */

static void forget(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
}

const struct stream_handler server_nobody = { .on_close = forget };

static void unknown_open(struct stream *s)
{
    stream_fail_because(s, STATUS_UNIMPLEMENTED, "UNKNOWN_METHOD", "there is no method %s",
                        s->path);
}

static const struct stream_handler unknown_handler = {
    .on_open = unknown_open,
    .on_close = forget,
};

const struct method server_unknown_method = {
    "(unknown)", MANY, MANY, &unknown_handler, NULL, NULL
};

static void late_open(struct stream *s)
{
    stream_fail_stopping(s);
}

const struct stream_handler server_late = {
    .on_open = late_open,
    .on_close = forget,
};

/* --- Errors ------------------------------------------------------------------------------ */

static void put_trailer(struct stream *s, const char *name, struct bytes value)
{
    if (stream_put(s, METADATA_TRAILERS, name, value) != 0)
        log_warn("out of memory: a call ends without %s", name);
}

/* gRPC's own retries wait for the pushback. */
void server_put_details(struct stream *s, const struct status *status)
{
    uint8_t details[STATUS_DETAILS_MAX];
    char pushback[16];
    const size_t len = status_details_pack(status, s->path, details);
    put_trailer(s, STATUS_DETAILS_NAME, bytes_of(details, len));
    if (status->retry_after_ms == 0)
        return;
    snprintf(pushback, sizeof pushback, "%u", (unsigned)status->retry_after_ms);
    put_trailer(s, "grpc-retry-pushback-ms", bytes_of_text(pushback));
}
