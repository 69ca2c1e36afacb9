#include "weir/channel.h"

#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core_call.h"
#include "core_log.h"
#include "credentials.h"
#include "grpc_args.h"
#include "weir/address.h"
#include "weir/status_details.h"
#include "weir/tls.h"

/* A local pair should find each other again quickly; gRPC's own defaults are
 * 1 s to 120 s between attempts, and 20 s for one. */
#define FIRST_BACKOFF_MS   50
#define MAX_BACKOFF_MS     1000
#define CONNECT_TIMEOUT_MS 5000

/* Between looks at the TLS files, each of which is a system call: long for a
 * burst of calls, and nothing for whoever replaces a file. */
#define LOOK_EVERY_NS UINT64_C(20000000)

#define DEFAULT_MAX_MESSAGE_BYTES (4 << 20)

/* A channel of gRPC: there as long as new calls go to it, or one of its own is
 * open. Its credentials cannot be changed. */
struct link {
    grpc_channel *grpc;
    atomic_uint users;
    bool tls;
};

struct channel {
    char *target;
    struct channel_options options;
    char refused[CHANNEL_ERROR_MAX]; /* "": it was not */
    pthread_mutex_t lock;            /* with TLS: of what is below; a call takes it once */
    struct link *link;               /* for new calls */
    unsigned tls_seen;
    uint64_t looked_ns; /* at the files */
};

/* A client's call. */
struct client_call {
    struct call call; /* first */
    struct task turn;
    struct op headers;
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
    char *path;
    struct link *link;
};

static struct client_call *client_of(struct call *c)
{
    return (struct client_call *)c;
}

static struct link *link_get(struct channel *channel);

static void link_put(struct link *link)
{
    if (link == NULL || atomic_fetch_sub(&link->users, 1) > 1)
        return;
    grpc_channel_destroy(link->grpc);
    free(link);
    grpc_shutdown();
}

/* --- The client's side of a call -------------------------------------------------- */

static size_t put_half_close(struct call *c, grpc_op *ops)
{
    (void)c;
    ops[0].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    return 1;
}

static void client_status_passed(struct call *c)
{
    call_close(c, &c->last);
}

static const grpc_metadata_array *client_received(struct call *c, enum metadata_place place)
{
    struct client_call *cc = client_of(c);
    return place == METADATA_HEADERS ? &cc->initial : &cc->trailing;
}

static void client_admit(struct call *c)
{
    call_move(c, LIFE_OPEN);
    call_write(c);
}

static void client_free(struct call *c)
{
    struct client_call *cc = client_of(c);
    task_cancel(&cc->turn);
    grpc_metadata_array_destroy(&cc->initial);
    grpc_metadata_array_destroy(&cc->trailing);
    grpc_slice_unref(cc->details);
    free(cc->path);
    call_done(c);
    link_put(cc->link);
    free(cc);
}

/* Also how an interceptor ends a call: the core answers with its status. */
static void cancel(struct call *c, const struct status *status)
{
    if (!call_is_live(c))
        return;
    c->stream.finished = true;
    c->last = *status;
    call_fail_out(c);
    call_move(c, LIFE_FINISHING);
    if (c->end == END_CAME) /* the server's status waits behind a message that is held */
        task_defer(c->stream.loop, &client_of(c)->turn);
    else
        grpc_call_cancel_with_status(c->grpc, (grpc_status_code)status->code, status->message,
                                     NULL);
}

static const struct call_side client_side = {
    .put_last = put_half_close,
    .reject = cancel,
    .admit = client_admit,
    .refuse = cancel,
    .status_passed = client_status_passed,
    .received = client_received,
    .free = client_free,
};

static void client_finish(struct stream *s, const struct status *status)
{
    struct call *c = call_of(s);
    if (!call_is_live(c))
        return;
    if (status->code != STATUS_OK) {
        cancel(c, status);
    } else if (!s->finished) {
        s->finished = true;
        call_end_out(c);
        call_write(c);
    }
}

static const struct stream_ops client_ops = {
    .read = call_read,
    .send = call_send,
    .send_run = call_send_run,
    .finish = client_finish,
    .resume = call_resume,
    .get = call_get,
    .put = call_put,
    .peer = call_peer,
};

/* --- Its ops ------------------------------------------------------------------------ */

static void on_headers(struct op *op, bool ok)
{
    struct client_call *cc = container_of(op, struct client_call, headers);
    (void)ok;
    call_landed(&cc->call);
    call_reap(&cc->call);
}

static void add_hint(struct status *status, bool tls)
{
    const char *hint = tls_hint(status->message, tls);
    const size_t n = strlen(status->message);
    if (hint != NULL)
        snprintf(status->message + n, sizeof status->message - n, " (%s)", hint);
}

static struct status received_status(struct client_call *cc)
{
    if (cc->call.life == LIFE_FINISHING) /* we have cancelled it */
        return cc->call.last;
    struct status status =
        status_of((enum status_code)cc->code, "%.*s", (int)GRPC_SLICE_LENGTH(cc->details),
                  (const char *)GRPC_SLICE_START_PTR(cc->details));
    if (status.code == STATUS_UNAVAILABLE)
        add_hint(&status, cc->link->tls);
    if (status.code != STATUS_OK)
        status_details_unpack(metadata_get(&cc->trailing, STATUS_DETAILS_NAME), &status);
    return status;
}

static void on_over(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, over);
    (void)ok; /* always */
    call_note_end(c, END_CAME);
    call_landed(c);
    c->last = received_status(client_of(c));
    call_pass_status(c);
    call_reap(c);
}

/* On the round after channel_open(): what was sent by then goes into the same
 * batch as the headers. Or on the one after a cancel that nothing else ends. */
static void on_turn(struct task *task)
{
    struct call *c = &container_of(task, struct client_call, turn)->call;
    if (c->end == END_CAME)
        call_pass_status(c);
    else
        call_enter(c);
    call_reap(c);
}

static bool start(struct client_call *cc)
{
    struct call *c = &cc->call;
    grpc_op op = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };
    op.data.recv_status_on_client.trailing_metadata = &cc->trailing;
    op.data.recv_status_on_client.status = &cc->code;
    op.data.recv_status_on_client.status_details = &cc->details;
    if (!call_batch(c, &op, 1, &c->over))
        return false;
    call_note_end(c, END_WATCHED);
    /* Without it a status that comes without headers is never seen. */
    grpc_op headers = { .op = GRPC_OP_RECV_INITIAL_METADATA };
    headers.data.recv_initial_metadata.recv_initial_metadata = &cc->initial;
    call_batch(c, &headers, 1, &cc->headers);
    task_defer(c->stream.loop, &cc->turn);
    call_move(c, LIFE_ENTERING);
    return true;
}

static grpc_call *create_call(struct link *link, struct loop *loop, const char *path,
                              uint64_t timeout_ms)
{
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (timeout_ms > 0)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                gpr_time_from_millis((int64_t)timeout_ms, GPR_TIMESPAN));
    grpc_slice method = grpc_slice_from_copied_string(path);
    grpc_call *call = grpc_channel_create_call(link->grpc, NULL, GRPC_PROPAGATE_DEFAULTS,
                                               loop_queue(loop), method, NULL, deadline, NULL);
    grpc_slice_unref(method);
    return call;
}

int channel_open(struct channel *channel, struct loop *loop, const char *path,
                 const struct stream_handler *handler, void *data,
                 const struct call_options *options, struct stream **ret)
{
    const struct call_options none = { 0 };
    if (options == NULL)
        options = &none;
    if (loop_queue(loop) == NULL)
        return ENOMEM;
    struct client_call *cc = call_alloc(sizeof *cc, channel->options.chain);
    if (cc == NULL)
        return ENOMEM;
    struct call *c = &cc->call;
    call_init(c, loop, &client_side, &client_ops, sizeof *cc, channel->options.chain);
    c->in.max_bytes = (size_t)channel->options.max_message_bytes;
    c->over.done = on_over;
    cc->headers.done = on_headers;
    cc->turn.run = on_turn;
    cc->details = grpc_empty_slice();
    grpc_metadata_array_init(&cc->initial);
    grpc_metadata_array_init(&cc->trailing);
    c->stream.on = handler;
    c->stream.data = data;
    c->stream.path = cc->path = strdup(path);
    if (options->wait_for_ready)
        c->out.headers_flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                               GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    cc->link = link_get(channel);
    c->grpc = create_call(cc->link, loop, path, options->timeout_ms);
    if (cc->path == NULL || !call_open(c) || !start(cc)) {
        client_free(c);
        return ENOMEM;
    }
    *ret = &c->stream;
    return 0;
}

/* --- Channels ------------------------------------------------------------------------- */

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

/* For one call. */
static struct link *link_get(struct channel *channel)
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
