/* The server's life: making, listening, starting, freeing. */
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core_server.h"
#include "credentials.h"
#include "grpc_args.h"
#include "runtime/address.h"

/* What a client may send on a stream that its handler does not read: this much
 * waits in the core, not more. By default the core measures how fast it
 * receives and announces windows of 4 MiB and up, 64 MiB and more on a busy
 * machine, to streams that nobody reads too. Imports are as fast with this. */
#define RECEIVE_WINDOW_BYTES (256 * 1024)

#define DEFAULT_MAX_REQUEST_BYTES (4 << 20)

static grpc_resource_quota *make_quota(const struct connection_options *o)
{
    if (o->memory_bytes == 0)
        return NULL;
    grpc_resource_quota *quota = grpc_resource_quota_create("server");
    grpc_resource_quota_resize(quota, (size_t)o->memory_bytes);
    return quota;
}

static grpc_server *create_grpc_server(const struct server_options *o)
{
    struct grpc_args args = { .n = 0 };
    /* Two servers on one port would start, and share the calls. */
    grpc_args_put_int(&args, GRPC_ARG_ALLOW_REUSEPORT, 0);
    grpc_args_put_int(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (uint64_t)o->max_request_bytes);
    grpc_args_put_int(&args, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0); /* see received.h */
    /* It costs a tenth of the time of small messages, even where it does nothing. */
    grpc_args_put_int(&args, GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, o->compress);
    if (o->compress) /* "low" is gzip, or what the client takes */
        grpc_args_put_int(&args, GRPC_COMPRESSION_CHANNEL_DEFAULT_LEVEL, GRPC_COMPRESS_LEVEL_LOW);
    /* See RECEIVE_WINDOW_BYTES. What we send is not concerned. */
    grpc_args_put_int(&args, GRPC_ARG_HTTP2_BDP_PROBE, 0);
    grpc_args_put_int(&args, GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RECEIVE_WINDOW_BYTES);
    connections_put(&o->connections, &args);
    grpc_resource_quota *quota = make_quota(&o->connections);
    if (quota != NULL)
        grpc_args_put_pointer(&args, GRPC_ARG_RESOURCE_QUOTA, quota,
                              grpc_resource_quota_arg_vtable());
    const grpc_channel_args all = grpc_args_all(&args);
    grpc_server *server = grpc_server_create(&all, NULL);
    if (quota != NULL)
        grpc_resource_quota_unref(quota);
    return server;
}

const struct method *services_find(const struct service *const *services, size_t n,
                                   const char *path)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++)
            if (strcmp(services[i]->methods[k].path, path) == 0)
                return &services[i]->methods[k];
    return NULL;
}

static size_t count_methods(const struct service *const *services, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += services[i]->nmethods;
    return count;
}

static bool register_method(struct server *server, const struct method *m)
{
    void *registered = grpc_server_register_method(
        server->grpc, m->path, NULL,
        m->requests == ONE ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE, 0);
    if (registered == NULL)
        return false;
    server->rows[server->nrows++] = (struct server_row){ m, registered };
    return true;
}

static bool register_services(struct server *server, const struct service *const *services,
                              size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++)
            if (!register_method(server, &services[i]->methods[k]))
                return false;
    return true;
}

int server_new(struct server **ret, struct loop *const *loops, size_t nloops,
               const struct service *const *services, size_t nservices,
               const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return ENOMEM;
    if (options != NULL)
        server->options = *options;
    if (server->options.max_request_bytes == 0)
        server->options.max_request_bytes = DEFAULT_MAX_REQUEST_BYTES;
    const size_t nrows = count_methods(services, nservices) + 1; /* one for unknown methods */
    server->nlanes = nloops;
    server->lanes = calloc(nloops, sizeof *server->lanes);
    server->rows = calloc(nrows, sizeof *server->rows);
    server->calls = calloc(nloops * nrows, sizeof *server->calls);
    if (server->lanes == NULL || server->rows == NULL || server->calls == NULL) {
        server_free(server);
        return ENOMEM;
    }
    server->grpc = create_grpc_server(&server->options);
    for (size_t i = 0; i < nloops; i++) {
        server->lanes[i] = (struct lane){ .server = server,
                                          .loop = loops[i],
                                          .calls = &server->calls[i * nrows],
                                          .offer_timer.fired = server_on_offer_timer };
        grpc_server_register_completion_queue(server->grpc, loop_queue(loops[i]), NULL);
    }
    if (!register_services(server, services, nservices)) {
        server_free(server);
        return EEXIST;
    }
    *ret = server;
    return 0;
}

/* gRPC unlinks the path of a socket before it binds, whoever serves there; that
 * server would go on and never be reached again. So ask whether one does. */
static bool unix_path_served(const char *address)
{
    struct sockaddr_storage a;
    const socklen_t len = address_is_unix(address) ? address_resolve(address, 0, &a) : 0;
    if (len == 0)
        return false; /* or gRPC refuses it */
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool served = connect(fd, (const struct sockaddr *)&a, len) == 0 || errno == EAGAIN;
    close(fd);
    return served;
}

int server_listen(struct server *server, const char *address)
{
    if (unix_path_served(address))
        return 0;
    struct core_listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return 0;
    l->tls = address_is_unix(address) ? NULL : server->options.tls;
    l->next = server->listeners;
    server->listeners = l;
    grpc_server_credentials *credentials = credentials_of_server(l);
    if (credentials == NULL)
        return 0;
    const int port = grpc_server_add_http2_port(server->grpc, address, credentials);
    grpc_server_credentials_release(credentials);
    return port;
}

/* All calls to be offered, in a list. false: out of memory for the rest. */
static bool make_calls(struct server *server, struct server_call **list)
{
    for (size_t i = 0; i < server->nlanes; i++)
        for (size_t m = 0; m <= server->nrows; m++)
            for (int k = 0; k < OFFERED_MIN; k++) {
                struct server_call *sc = server_call_new(&server->lanes[i], m);
                if (sc == NULL)
                    return false;
                sc->next = *list;
                *list = sc;
            }
    return true;
}

int server_start(struct server *server)
{
    struct server_call *list = NULL;
    const bool made = make_calls(server, &list);
    if (made)
        grpc_server_start(server->grpc);
    while (list != NULL) {
        struct server_call *sc = list;
        list = sc->next;
        sc->next = NULL;
        (made ? server_offer : server_call_drop)(sc);
    }
    return made ? 0 : ENOMEM;
}

static void on_unserved_shut_down(struct op *op, bool ok)
{
    struct server *server = container_of(op, struct server, shut_down);
    (void)ok;
    loop_break(server->lanes[0].loop); /* others may use it */
}

/* gRPC wants a server that listens to be shut down before it goes, even if it
 * was never started. */
static void shut_down_unserved(struct server *server)
{
    struct loop *first = server->lanes[0].loop;
    server->shut_down.done = on_unserved_shut_down;
    loop_hold(first);
    grpc_server_shutdown_and_notify(server->grpc, loop_queue(first), &server->shut_down);
    loop_run(first);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    if (server->grpc != NULL) {
        if (!server->stopped)
            shut_down_unserved(server);
        grpc_server_destroy(server->grpc);
    }
    for (struct core_listener *l = server->listeners, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    free(server->rows);
    free(server->lanes);
    free(server->calls);
    free(server);
}
