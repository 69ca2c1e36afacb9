/* Channels: what new calls go through, and how it is made anew. */
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core_channel.h"
#include "core_log.h"
#include "credentials.h"
#include "grpc_args.h"
#include "weir/address.h"
#include "weir/tls.h"

/* A local pair should find each other again quickly; gRPC's own defaults are
 * 1 s to 120 s between attempts, and 20 s for one. (A stream that is opened again
 * waits by itself before it asks for a connection: streams/resolver.h.) */
#define FIRST_BACKOFF_MS   50
#define MAX_BACKOFF_MS     1000
#define CONNECT_TIMEOUT_MS 5000

/* Between looks at the TLS files, each of which is a system call: long for a
 * burst of calls, and nothing for whoever replaces a file. */
#define LOOK_EVERY_NS UINT64_C(20000000)

#define DEFAULT_MAX_MESSAGE_BYTES (4 << 20)

/* --- Links -------------------------------------------------------------------------- */

static void put_keepalive(struct grpc_args *args, const struct channel_options *o)
{
    if (o->keepalive_time_ms == 0)
        return;
    grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_TIME_MS, o->keepalive_time_ms);
    if (o->keepalive_timeout_ms > 0)
        grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, o->keepalive_timeout_ms);
    grpc_args_put_int(args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, o->keepalive_without_stream);
    /* Else pings stop on a stream that is open but silent. */
    grpc_args_put_int(args, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

/* The core's filter for retries also repeats, without being asked, calls that a
 * server says it has not processed. Where such a call is cancelled, or late,
 * meanwhile, that filter reads through NULL, or the call never ends (gRPC 1.51;
 * `make stress`). So it is there for a policy of retries alone. */
static bool has_retries(const struct channel_options *o)
{
    return o->service_config != NULL && strstr(o->service_config, "\"retryPolicy\"") != NULL;
}

static void put_args(struct grpc_args *args, const struct channel_options *o)
{
    const uint64_t max_backoff = o->max_backoff_ms > 0 ? o->max_backoff_ms : MAX_BACKOFF_MS;
    grpc_args_put_int(args, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, FIRST_BACKOFF_MS);
    grpc_args_put_int(args, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_TIMEOUT_MS);
    grpc_args_put_int(args, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, max_backoff);
    /* A name has as long: by default two minutes, in which no call would hear why it waits. */
    grpc_args_put_int(args, GRPC_ARG_DNS_ARES_QUERY_TIMEOUT_MS, CONNECT_TIMEOUT_MS);
    put_keepalive(args, o);
    grpc_args_put_int(args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (uint64_t)o->max_message_bytes);
    grpc_args_put_int(args, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0); /* see received.h */
    if (o->compress)
        grpc_args_put_int(args, GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM, GRPC_COMPRESS_GZIP);
    if (o->own_connection)
        grpc_args_put_int(args, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc_args_put_int(args, GRPC_ARG_ENABLE_RETRIES, has_retries(o));
    if (o->service_config != NULL)
        grpc_args_put_text(args, GRPC_ARG_SERVICE_CONFIG, o->service_config);
    if (o->tls != NULL && tls_client_server_name(o->tls) != NULL)
        grpc_args_put_text(args, GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, tls_client_server_name(o->tls));
}

static bool has_scheme(const char *target)
{
    static const char *const schemes[] = { "ipv4:", "ipv6:", "dns:", "unix:", "unix-abstract:" };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(target, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

/* A list is one of addresses: names go through dns:, which takes one. */
static char *full_target(const char *target)
{
    const char *scheme = "";
    char *full;
    if (strchr(target, ',') != NULL && !has_scheme(target))
        scheme = target[0] == '[' ? "ipv6:" : "ipv4:";
    return asprintf(&full, "%s%s", scheme, target) < 0 ? NULL : full;
}

void link_put(struct link *link)
{
    if (link == NULL || atomic_fetch_sub(&link->users, 1) > 1)
        return;
    grpc_channel_destroy(link->grpc);
    free(link);
    grpc_shutdown();
}

/* Releases the credentials. NULL: out of memory. */
static struct link *link_new(const struct channel *channel, grpc_channel_credentials *credentials)
{
    struct grpc_args args = { .n = 0 };
    struct link *link = malloc(sizeof *link);
    if (link != NULL) {
        grpc_init(); /* until link_put() */
        put_args(&args, &channel->options);
        const grpc_channel_args all = grpc_args_all(&args);
        link->grpc = grpc_channel_create(channel->target, credentials, &all);
        link->tls = channel->options.tls != NULL;
        atomic_init(&link->users, 1);
    }
    grpc_channel_credentials_release(credentials);
    return link;
}

/* A connection is kept, whatever becomes of the files. Where one must be made,
 * it is made with what they hold now; but while there is none, many calls may
 * come at once. */
static bool must_look(const struct channel *channel, uint64_t now_ns)
{
    if (channel->link == NULL)
        return true;
    return now_ns - channel->looked_ns >= LOOK_EVERY_NS &&
           grpc_channel_check_connectivity_state(channel->link->grpc, 0) != GRPC_CHANNEL_READY;
}

static void renew_link(struct channel *channel)
{
    const uint64_t now_ns = clock_ns();
    if (!must_look(channel, now_ns))
        return;
    unsigned seen = channel->tls_seen;
    grpc_channel_credentials *credentials = credentials_of_client(channel->options.tls, &seen);
    channel->looked_ns = now_ns;
    if (credentials == NULL)
        return;
    struct link *link = link_new(channel, credentials);
    if (link == NULL) {
        channel->looked_ns = 0; /* the next call tries again */
        return;
    }
    link_put(channel->link);
    channel->link = link;
    channel->tls_seen = seen;
}

struct link *link_get(struct channel *channel)
{
    if (channel->options.tls == NULL) {
        atomic_fetch_add(&channel->link->users, 1);
        return channel->link;
    }
    pthread_mutex_lock(&channel->lock);
    renew_link(channel);
    struct link *link = channel->link;
    atomic_fetch_add(&link->users, 1);
    pthread_mutex_unlock(&channel->lock);
    return link;
}

/* --- Channels ----------------------------------------------------------------------- */

/* The core makes a channel whatever it is given; one that it refused fails, and
 * only its log tells why: "channel stack builder failed: UNKNOWN: the reason". */
static void note_refusal(struct channel *channel)
{
    const char builder[] = "channel stack builder failed: ";
    const char *why = core_log_error();
    channel->refused[0] = '\0';
    if (grpc_channel_check_connectivity_state(channel->link->grpc, 0) == GRPC_CHANNEL_IDLE)
        return;
    if (strncmp(why, builder, strlen(builder)) == 0)
        why += strlen(builder) + strcspn(why + strlen(builder), ":") + 2;
    snprintf(channel->refused, CHANNEL_ERROR_MAX, "%s",
             *why != '\0' ? why : "gRPC refuses the target or the service config");
}

static bool channel_init(struct channel *channel, const char *target)
{
    struct channel_options *o = &channel->options;
    if (address_is_unix(target))
        o->tls = NULL;
    if (o->service_config != NULL && (o->service_config = strdup(o->service_config)) == NULL)
        return false;
    channel->target = full_target(target);
    if (channel->target == NULL)
        return false;
    core_log_forget();
    if (o->tls != NULL)
        renew_link(channel);
    else
        channel->link = link_new(channel, grpc_insecure_credentials_create());
    if (channel->link == NULL)
        return false;
    note_refusal(channel);
    return true;
}

int channel_new(struct channel **ret, const char *target, const struct channel_options *options)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL)
        return ENOMEM;
    if (options != NULL)
        channel->options = *options;
    if (channel->options.max_message_bytes == 0)
        channel->options.max_message_bytes = DEFAULT_MAX_MESSAGE_BYTES;
    pthread_mutex_init(&channel->lock, NULL);
    grpc_init(); /* until channel_free() */
    if (!channel_init(channel, target)) {
        channel_free(channel);
        return ENOMEM;
    }
    *ret = channel;
    return 0;
}

bool channel_check(const struct channel *channel, char error[CHANNEL_ERROR_MAX])
{
    snprintf(error, CHANNEL_ERROR_MAX, "%s", channel->refused);
    return error[0] == '\0';
}

bool channel_connected(struct channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    const grpc_connectivity_state state =
        grpc_channel_check_connectivity_state(channel->link->grpc, 0);
    pthread_mutex_unlock(&channel->lock);
    return state == GRPC_CHANNEL_READY;
}

void channel_free(struct channel *channel)
{
    if (channel == NULL)
        return;
    link_put(channel->link);
    pthread_mutex_destroy(&channel->lock);
    free(channel->target);
    free((char *)(uintptr_t)channel->options.service_config);
    free(channel);
    grpc_shutdown();
}
