#include "server.h"

#include <assert.h>
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"
#include "log.h"

/* Calls offered to gRPC per method and loop. What arrives while none is armed
 * queues inside gRPC without limit, so each accept arms another one first. */
#define ARMED_PER_METHOD 16

/* At a stop, for clients to close their connections by themselves, where no
 * answer can be lost. */
#define GOODBYE_MS 500

/* What a client may send on a stream that its handler does not read: this much
 * waits in the core, not more. By default the core measures how fast it
 * receives and announces windows of 4 MiB and up, 64 MiB and more on a busy
 * machine, to streams that nobody reads too. Imports are as fast with this. */
#define RECEIVE_WINDOW_BYTES (256 * 1024)

#define DEFAULT_MAX_REQUEST_BYTES     (4 << 20)
#define DEFAULT_KEEPALIVE_MIN_TIME_MS 5000

/* One loop's part of the server. */
struct lane {
    struct server *server;
    struct loop *loop;
    struct server_call *open; /* calls with a handler, newest first */
    bool draining;
    bool had_calls; /* when that began */
    bool drained;   /* and no call is open: the first loop was told */
};

struct server {
    grpc_server *grpc;
    const struct method *methods;
    size_t nmethods;
    void **registered; /* gRPC's handle of each method */
    struct lane *lanes;
    size_t nlanes;
    struct server_options options;

    bool stopped; /* or never began to listen */
    struct op shut_down;
    /* Draining; first loop only. */
    struct timer drain_timer;
    struct timer goodbye_timer;
    size_t lanes_to_drain;
    bool had_calls;     /* at the stop, in the lanes that have drained */
    bool shutting_down; /* gRPC was told */
    void (*done)(struct server *server, void *arg);
    void *done_arg;
};

/* A server's call: armed for one method, then open, then freed. */
struct server_call {
    struct call call; /* first */
    struct lane *lane;
    struct server_call *next, **link; /* on lane->open */
    struct op accept;
    grpc_metadata_array metadata;
    grpc_call_details details; /* unknown methods only */
    gpr_timespec deadline;
    grpc_byte_buffer *payload; /* the one request of a one-request method */
    int cancelled;
    grpc_slice message; /* of the status */
    uint64_t write_since_ms;
    struct timer write_timer;
};

static struct server_call *server_of(struct call *c)
{
    return (struct server_call *)c;
}

/* --- Unknown methods --------------------------------------------------------------- */

static void unknown_open(struct stream *s)
{
    const grpc_slice path = server_of(call_of(s))->details.method;
    stream_fail(s, STATUS_UNIMPLEMENTED, "there is no method %.*s", (int)GRPC_SLICE_LENGTH(path),
                (const char *)GRPC_SLICE_START_PTR(path));
}

static void unknown_close(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
}

static const struct stream_handler unknown_handler = {
    .on_open = unknown_open,
    .on_close = unknown_close,
};
/* --- Calls that come while the server drains --------------------------------------- */

static void late_open(struct stream *s)
{
    stream_fail(s, STATUS_UNAVAILABLE, "the server is stopping");
}

static const struct stream_handler late_handler = {
    .on_open = late_open,
    .on_close = unknown_close,
};

static const struct method unknown_method = { "(unknown)", MANY, MANY, &unknown_handler, NULL };

/* --- The server's side of a call ------------------------------------------------------ */

static void put_status(struct call *c, grpc_op *op)
{
    struct server_call *sc = server_of(c);
    op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    op->data.send_status_from_server.status = (grpc_status_code)c->last_status.code;
    if (c->last_status.message[0] == '\0')
        return;
    sc->message = grpc_slice_from_copied_string(c->last_status.message);
    op->data.send_status_from_server.status_details = &sc->message;
}

static void watch_write(struct call *c)
{
    struct server_call *sc = server_of(c);
    const uint64_t timeout_ms = sc->lane->server->options.write_timeout_ms;
    sc->write_since_ms = loop_now_ms(c->stream.loop);
    if (timeout_ms > 0 && !timer_running(&sc->write_timer))
        timer_start(c->stream.loop, &sc->write_timer, timeout_ms);
}

/* The timer is not moved at each write: when it fires it looks how old the
 * write in flight is, and waits for the rest. */
static void on_write_timer(struct timer *timer)
{
    struct server_call *sc = container_of(timer, struct server_call, write_timer);
    struct call *c = &sc->call;
    if (!c->writing)
        return;
    const uint64_t timeout_ms = sc->lane->server->options.write_timeout_ms;
    const uint64_t due_ms = sc->write_since_ms + timeout_ms;
    const uint64_t now_ms = loop_now_ms(c->stream.loop);
    if (now_ms < due_ms)
        timer_start(c->stream.loop, timer, due_ms - now_ms);
    else
        grpc_call_cancel_with_status(c->grpc, GRPC_STATUS_UNAVAILABLE,
                                     "the client did not read for too long", NULL);
}

static void close_if_over(struct call *c)
{
    if (!c->is_over || c->state == CALL_OVER)
        return;
    if (server_of(c)->cancelled || c->write_failed) {
        const struct status gone = status_of(STATUS_CANCELLED, "the client is gone");
        call_close(c, &gone);
    } else if (c->last_sent && !c->writing) {
        call_close(c, &c->last_status);
    }
}

static void note_drained(struct lane *lane);

static void unlink_open(struct server_call *sc)
{
    if (sc->link == NULL)
        return;
    *sc->link = sc->next;
    if (sc->next != NULL)
        sc->next->link = sc->link;
    note_drained(sc->lane);
}

static void server_call_free(struct call *c)
{
    struct server_call *sc = server_of(c);
    timer_stop(&sc->write_timer);
    unlink_open(sc);
    grpc_metadata_array_destroy(&sc->metadata);
    grpc_call_details_destroy(&sc->details);
    grpc_byte_buffer_destroy(sc->payload);
    grpc_slice_unref(sc->message);
    call_done(c);
    free(sc);
}

static const struct call_side server_side = {
    .put_last_op = put_status,
    .write_started = watch_write,
    .write_done = close_if_over,
    .free = server_call_free,
};

static void server_finish(struct stream *s, const struct status *status)
{
    struct call *c = call_of(s);
    if (c->state != CALL_OPEN)
        return;
    s->finished = true;
    c->last_wanted = true;
    c->last_status = *status;
    call_move(c, CALL_FINISHING);
    call_write(c);
}

static const struct stream_ops server_ops = { call_read, call_send, server_finish };

static void on_over(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, over);
    (void)ok; /* always */
    c->is_over = true;
    call_landed(c);
    close_if_over(c);
    call_reap(c);
}

/* --- Accepting --------------------------------------------------------------------------- */

static void arm(struct lane *lane, size_t method);

static void link_open(struct server_call *sc)
{
    struct lane *lane = sc->lane;
    sc->next = lane->open;
    sc->link = &lane->open;
    if (sc->next != NULL)
        sc->next->link = &sc->next;
    lane->open = sc;
}

static void watch_end(struct server_call *sc)
{
    struct call *c = &sc->call;
    grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
    op.data.recv_close_on_server.cancelled = &sc->cancelled;
    const bool started = call_batch(c, &op, 1, &c->over);
    assert(started); /* the first op of a new call */
    (void)started;
}

/* The request of a one-request method came with the call, or not at all: a
 * half-close without a message, or a frame that the core threw away. */
static void deliver_payload(struct server_call *sc)
{
    struct stream *s = &sc->call.stream;
    grpc_byte_buffer *payload = sc->payload;
    sc->payload = NULL;
    if (s->method->requests == MANY || sc->call.state != CALL_OPEN)
        grpc_byte_buffer_destroy(payload);
    else if (payload == NULL)
        stream_fail(s, STATUS_INVALID_ARGUMENT, "%s: the call has no request message",
                    s->method->path);
    else
        call_deliver(&sc->call, payload);
}

static void open_call(struct server_call *sc)
{
    struct call *c = &sc->call;
    call_move(c, CALL_OPEN);
    link_open(sc);
    watch_end(sc);
    if (!call_open(c)) {
        c->stream.on = &unknown_handler; /* its on_close does nothing */
        stream_fail(&c->stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (sc->lane->draining)
        c->stream.on = &late_handler;
    c->stream.on->on_open(&c->stream);
    deliver_payload(sc);
}

static void on_accept(struct op *op, bool ok)
{
    struct server_call *sc = container_of(op, struct server_call, accept);
    struct call *c = &sc->call;
    call_landed(c);
    if (!ok) { /* the server shuts down */
        call_move(c, CALL_DEAD);
        server_call_free(c);
        return;
    }
    const struct server *server = sc->lane->server;
    const struct method *m = c->stream.method;
    arm(sc->lane, m == &unknown_method ? server->nmethods : (size_t)(m - server->methods));
    open_call(sc);
}

/* @method == nmethods: whatever is not in the table. */
static bool request_call(struct server_call *sc, size_t method)
{
    struct server *server = sc->lane->server;
    struct call *c = &sc->call;
    grpc_completion_queue *queue = loop_queue(c->stream.loop);
    if (method == server->nmethods)
        return grpc_server_request_call(server->grpc, &c->grpc, &sc->details, &sc->metadata, queue,
                                        queue, &sc->accept) == GRPC_CALL_OK;
    return grpc_server_request_registered_call(
               server->grpc, server->registered[method], &c->grpc, &sc->deadline, &sc->metadata,
               server->methods[method].requests == ONE ? &sc->payload : NULL, queue, queue,
               &sc->accept) == GRPC_CALL_OK;
}

static void arm(struct lane *lane, size_t method)
{
    struct server *server = lane->server;
    struct server_call *sc = calloc(1, sizeof *sc);
    if (sc == NULL) {
        log_error("out of memory: one call less can be accepted");
        return;
    }
    struct call *c = &sc->call;
    call_init(c, lane->loop, &server_side, &server_ops);
    c->stream.method = method == server->nmethods ? &unknown_method : &server->methods[method];
    c->stream.on = c->stream.method->handler;
    c->over.done = on_over;
    sc->lane = lane;
    sc->message = grpc_empty_slice();
    sc->accept.done = on_accept;
    sc->write_timer.fired = on_write_timer;
    grpc_metadata_array_init(&sc->metadata);
    grpc_call_details_init(&sc->details);
    if (!request_call(sc, method)) { /* shut down meanwhile */
        call_move(c, CALL_DEAD);
        server_call_free(c);
        return;
    }
    c->in_flight++;
    loop_hold(lane->loop);
}

/* --- Draining --------------------------------------------------------------------------------
 *
 * Calls first, connections then. gRPC's shutdown tells every client to go away
 * and pings it; once it answers and has no call, its connection is closed. If
 * that began while answers are on their way, the ping would be answered before
 * their end has arrived, and closing would lose that. So:
 *
 *   drain every lane -no call left-> shut down -all have hung up-> done
 *   drain timeout: calls are cancelled, and what is left is cut after GOODBYE_MS
 *
 * A client that is frozen, or looks at its connection only now and then, would
 * keep the server for 20 s; where there were no calls, and nothing can be lost,
 * it is cut after GOODBYE_MS as well. */

static void on_goodbye_timer(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, goodbye_timer);
    if (!server->stopped)
        grpc_server_cancel_all_calls(server->grpc);
}

static void say_goodbye(struct server *server)
{
    timer_start(server->lanes[0].loop, &server->goodbye_timer, GOODBYE_MS);
}

static void shut_down(struct server *server)
{
    struct loop *first = server->lanes[0].loop;
    if (server->shutting_down)
        return;
    server->shutting_down = true;
    loop_hold(first);
    grpc_server_shutdown_and_notify(server->grpc, loop_queue(first), &server->shut_down);
}

static void on_lane_drained(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    struct server *server = lane->server;
    (void)loop;
    server->had_calls |= lane->had_calls;
    if (--server->lanes_to_drain > 0)
        return;
    if (server->stopped) {
        server->done(server, server->done_arg);
        return;
    }
    shut_down(server);
    if (!server->had_calls)
        say_goodbye(server);
}

static void note_drained(struct lane *lane)
{
    if (!lane->draining || lane->drained || lane->open != NULL)
        return;
    lane->drained = true;
    if (loop_post(lane->server->lanes[0].loop, on_lane_drained, lane) != 0)
        log_error("out of memory while stopping");
}

static void drain_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    lane->draining = true;
    lane->had_calls = lane->open != NULL;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next) {
        struct stream *s = &sc->call.stream;
        if (sc->call.state == CALL_OPEN && s->on->on_drain != NULL)
            s->on->on_drain(s);
    }
    note_drained(lane);
}

static void cancel_lane(struct loop *loop, void *arg)
{
    struct lane *lane = arg;
    (void)loop;
    for (struct server_call *sc = lane->open; sc != NULL; sc = sc->next)
        if (sc->call.state == CALL_OPEN || sc->call.state == CALL_FINISHING)
            grpc_call_cancel_with_status(sc->call.grpc, GRPC_STATUS_UNAVAILABLE,
                                         "the server is stopping", NULL);
}

static void post_lanes(struct server *server, loop_fn fn)
{
    for (size_t i = 0; i < server->nlanes; i++)
        if (loop_post(server->lanes[i].loop, fn, &server->lanes[i]) != 0)
            log_error("out of memory while stopping");
}

static void on_drain_timer(struct timer *timer)
{
    struct server *server = container_of(timer, struct server, drain_timer);
    post_lanes(server, cancel_lane);
    shut_down(server);
    say_goodbye(server);
}

static void on_shut_down(struct op *op, bool ok)
{
    struct server *server = container_of(op, struct server, shut_down);
    (void)ok;
    server->stopped = true;
    timer_stop(&server->drain_timer);
    timer_stop(&server->goodbye_timer);
    /* Events of its last calls may still lie in the queues of other loops. */
    if (server->lanes_to_drain == 0)
        server->done(server, server->done_arg);
}

void server_drain(struct server *server, uint64_t timeout_ms,
                  void (*done)(struct server *server, void *arg), void *arg)
{
    struct loop *first = server->lanes[0].loop;
    server->done = done;
    server->done_arg = arg;
    server->shut_down.done = on_shut_down;
    server->drain_timer.fired = on_drain_timer;
    server->goodbye_timer.fired = on_goodbye_timer;
    server->lanes_to_drain = server->nlanes;
    post_lanes(server, drain_lane);
    timer_start(first, &server->drain_timer, timeout_ms);
}

/* --- Life ---------------------------------------------------------------------------------- */

static grpc_arg int_arg(const char *key, int64_t value)
{
    const int capped = value > INT32_MAX ? INT32_MAX : (int)value;
    return (grpc_arg){ .type = GRPC_ARG_INTEGER,
                       .key = (char *)(uintptr_t)key,
                       .value.integer = capped };
}

static grpc_server *create_grpc_server(const struct server_options *o)
{
    grpc_arg args[] = {
        /* Two servers on one port would start, and share the calls. */
        int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, o->max_request_bytes),
        int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                (int64_t)o->keepalive_min_time_ms),
        int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        /* Identity only: the core inflates a bomb before it looks at its size. */
        int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
        int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1),
        /* See RECEIVE_WINDOW_BYTES. What we send is not concerned. */
        int_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        int_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RECEIVE_WINDOW_BYTES),
    };
    const grpc_channel_args all = { sizeof args / sizeof args[0], args };
    return grpc_server_create(&all, NULL);
}

static bool register_methods(struct server *server)
{
    for (size_t i = 0; i < server->nmethods; i++) {
        const struct method *m = &server->methods[i];
        server->registered[i] = grpc_server_register_method(
            server->grpc, m->path, NULL,
            m->requests == ONE ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
            0);
        if (server->registered[i] == NULL)
            return false;
    }
    return true;
}

int server_new(struct server **ret, struct loop *const *loops, size_t nloops,
               const struct method *methods, size_t nmethods, const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return ENOMEM;
    if (options != NULL)
        server->options = *options;
    if (server->options.max_request_bytes == 0)
        server->options.max_request_bytes = DEFAULT_MAX_REQUEST_BYTES;
    if (server->options.keepalive_min_time_ms == 0)
        server->options.keepalive_min_time_ms = DEFAULT_KEEPALIVE_MIN_TIME_MS;
    server->methods = methods;
    server->nmethods = nmethods;
    server->nlanes = nloops;
    server->lanes = calloc(nloops, sizeof *server->lanes);
    server->registered = calloc(nmethods, sizeof *server->registered);
    if (server->lanes == NULL || server->registered == NULL) {
        server_free(server);
        return ENOMEM;
    }
    server->grpc = create_grpc_server(&server->options);
    for (size_t i = 0; i < nloops; i++) {
        server->lanes[i] = (struct lane){ .server = server, .loop = loops[i] };
        grpc_server_register_completion_queue(server->grpc, loop_queue(loops[i]), NULL);
    }
    if (!register_methods(server)) {
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
    const char prefix[] = "unix:";
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strncmp(address, prefix, strlen(prefix)) != 0)
        return false;
    const char *path = address + strlen(prefix);
    if (strncmp(path, "//", 2) == 0) /* unix:///an/absolute/path */
        path += 2;
    if (strlen(path) >= sizeof a.sun_path)
        return false; /* gRPC refuses it */
    memcpy(a.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool served = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 || errno == EAGAIN;
    close(fd);
    return served;
}

int server_listen(struct server *server, const char *address)
{
    if (unix_path_served(address))
        return 0;
    grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(server->grpc, address, plain);
    grpc_server_credentials_release(plain);
    return port;
}

void server_start(struct server *server)
{
    grpc_server_start(server->grpc);
    for (size_t i = 0; i < server->nlanes; i++)
        for (size_t m = 0; m <= server->nmethods; m++)
            for (int k = 0; k < ARMED_PER_METHOD; k++)
                arm(&server->lanes[i], m);
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
    free(server->registered);
    free(server->lanes);
    free(server);
}
