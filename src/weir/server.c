#include "server.h"

#include <stdio.h>
#include <string.h>

#include "address.h"
#include "http/listener.h"
#include "server_side.h"

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

bool server_could_listen(const char *address, char error[SERVER_ERROR_MAX])
{
    if (!address_is_served(address))
        return listener_new(NULL, address, error) != 0;
    snprintf(error, SERVER_ERROR_MAX, "another server answers there");
    return false;
}

int server_start(struct server *server)
{
    return server->ops->start(server);
}

bool server_stats(const struct server *server, struct server_stats *ret)
{
    if (server->ops->stats == NULL)
        return false;
    server->ops->stats(server, ret);
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
