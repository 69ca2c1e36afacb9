/* The server's life: making, listening, starting, freeing. */
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core_server_internal.h"
#include "credentials.h"
#include "grpc_args.h"
#include "weir/address.h"

/* What a client may send on a stream that its handler does not read: this much
 * waits in the core, not more. By default the core measures how fast it
 * receives and announces windows of 4 MiB and up, 64 MiB and more on a busy
 * machine, to streams that nobody reads too. Imports are as fast with this. */
#define RECEIVE_WINDOW_BYTES (256 * 1024)

static grpc_resource_quota *make_quota(const struct connection_options *o)
{
    if (o->memory_bytes == 0)
        return NULL;
    grpc_resource_quota *quota = grpc_resource_quota_create("server");
    grpc_resource_quota_resize(quota, (size_t)o->memory_bytes);
    return quota;
}

static uint64_t or_never(uint64_t ms)
{
    return ms > 0 ? ms : INT32_MAX;
}

static void put_connections(const struct connection_options *o, struct grpc_args *args)
{
    grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_TIME_MS, or_never(o->keepalive_time_ms));
    if (o->keepalive_timeout_ms > 0)
        grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms);
    grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, o->keepalive_without_stream);
    /* Else pings stop on a stream that is open but silent. */
    grpc_args_put_int(args, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    grpc_args_put_int(args, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                      o->keepalive_min_time_ms);
    grpc_args_put_int(args, GRPC_ARG_MAX_CONNECTION_IDLE_MS, or_never(o->max_idle_ms));
    grpc_args_put_int(args, GRPC_ARG_MAX_CONNECTION_AGE_MS, or_never(o->max_age_ms));
    grpc_args_put_int(args, GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, or_never(o->max_age_grace_ms));
    if (o->handshake_timeout_ms > 0)
        grpc_args_put_int(args, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, o->handshake_timeout_ms);
    if (o->max_streams > 0)
        grpc_args_put_int(args, GRPC_ARG_MAX_CONCURRENT_STREAMS, (uint64_t)o->max_streams);
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
    put_connections(&o->connections, &args);
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

static size_t count_methods(const struct service *const *services, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += services[i]->nmethods;
    return count;
}

static bool register_method(struct core_server *server, const struct method *m)
{
    void *registered = grpc_server_register_method(
        server->grpc, m->path, NULL,
        m->requests == ONE ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE, 0);
    if (registered == NULL)
        return false;
    server->methods[server->nmethods++] = (struct core_method){ m, registered };
    return true;
}

static bool register_services(struct core_server *server, const struct service *const *services,
                              size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++)
            if (!register_method(server, &services[i]->methods[k]))
                return false;
    return true;
}

static int listen_on(struct server *base, const char *address, char error[SERVER_ERROR_MAX])
{
    struct core_server *server = core_server_of(base);
    snprintf(error, SERVER_ERROR_MAX, "out of memory");
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
    if (port == 0) /* the core says why in its log only */
        snprintf(error, SERVER_ERROR_MAX, "the address is in use or not one of this machine's");
    return port;
}

/* All calls to be offered, in a list. false: out of memory for the rest. */
static bool make_calls(struct core_server *server, struct server_call **list)
{
    for (size_t i = 0; i < server->nlanes; i++)
        for (size_t m = 0; m <= server->nmethods; m++)
            for (int k = 0; k < OFFERED_MIN; k++) {
                struct server_call *sc = server_call_new(&server->lanes[i], m);
                if (sc == NULL)
                    return false;
                sc->next = *list;
                *list = sc;
            }
    return true;
}

static int start(struct server *base)
{
    struct core_server *server = core_server_of(base);
    struct server_call *list = NULL;
    const bool made = make_calls(server, &list);
    if (made)
        grpc_server_start(server->grpc);
    while (list != NULL) {
        struct server_call *sc = list;
        list = sc->next;
        sc->next = NULL;
        (made ? core_server_offer : server_call_drop)(sc);
    }
    return made ? 0 : ENOMEM;
}

static void on_unserved_shut_down(struct op *op, bool ok)
{
    struct core_server *server = container_of(op, struct core_server, shut_down);
    (void)ok;
    loop_break(server->lanes[0].loop); /* others may use it */
}

/* gRPC wants a server that listens to be shut down before it goes, even if it
 * was never started. */
static void shut_down_unserved(struct core_server *server)
{
    struct loop *first = server->lanes[0].loop;
    server->shut_down.done = on_unserved_shut_down;
    loop_hold(first);
    grpc_server_shutdown_and_notify(server->grpc, loop_queue(first), &server->shut_down);
    loop_run(first);
}

static void core_server_free(struct server *base)
{
    struct core_server *server = core_server_of(base);
    if (server->grpc != NULL) {
        if (server->state != SERVER_SHUT_DOWN)
            shut_down_unserved(server);
        grpc_server_destroy(server->grpc);
    }
    for (struct core_listener *l = server->listeners, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    free(server->methods);
    free(server->lanes);
    free(server->calls);
    free(server);
    grpc_shutdown();
}

static const struct server_ops core_server_ops = {
    .listen = listen_on,
    .start = start,
    .drain = core_server_drain,
    .free = core_server_free,
};

int core_server_new(struct server **ret, struct loop *const *loops, size_t nloops,
                    const struct service *const *services, size_t nservices,
                    const struct server_options *options)
{
    struct core_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return ENOMEM;
    server->options = *options;
    server->base.ops = &core_server_ops;
    grpc_init();                                                  /* until core_server_free() */
    const size_t nkinds = count_methods(services, nservices) + 1; /* one for unknown methods */
    server->nlanes = nloops;
    server->lanes = calloc(nloops, sizeof *server->lanes);
    server->methods = calloc(nkinds, sizeof *server->methods);
    server->calls = calloc(nloops * nkinds, sizeof *server->calls);
    if (server->lanes == NULL || server->methods == NULL || server->calls == NULL) {
        core_server_free(&server->base);
        return ENOMEM;
    }
    server->grpc = create_grpc_server(&server->options);
    for (size_t i = 0; i < nloops; i++) {
        server->lanes[i] = (struct core_lane){ .server = server,
                                               .loop = loops[i],
                                               .calls = &server->calls[i * nkinds],
                                               .offer_timer.fired = core_server_on_offer_timer };
        grpc_server_register_completion_queue(server->grpc, loop_queue(loops[i]), NULL);
    }
    if (!register_services(server, services, nservices)) {
        core_server_free(&server->base);
        return EEXIST;
    }
    *ret = &server->base;
    return 0;
}
