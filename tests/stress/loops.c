/* A server on two loops and clients on two others, each a thread: calls of all
 * shapes, some of them cancelled, refused or too late; the server is stopped
 * while they go on, freed while its other loop still runs, and started again.
 *
 *   stress-loops [ROUNDS [SEED]]
 *
 * With a main of its own, as Criterion does not start under ThreadSanitizer. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/server.h"

enum { SERVER_LOOPS = 2, CLIENT_LOOPS = 2, CALLS = 300, CALLS_AT_ONCE = 40 };

#define CODES (STATUS_UNAUTHENTICATED + 1)

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "stress-loops: " __VA_ARGS__);                                         \
            fprintf(stderr, " (%s)\n", #condition);                                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static int send_text(struct stream *s, const char *text, unsigned flags)
{
    struct buf *b = buf_copy(bytes_of_text(text));
    CHECK(b != NULL, "out of memory");
    const int rv = stream_send(s, b, 0, b->len, flags);
    buf_unref(b);
    return rv;
}

/* --- The service: each message comes back, "no" fails ------------------------------- */

static struct loop *g_loops[SERVER_LOOPS];
static struct server *g_server;
static atomic_int g_opened, g_closed, g_stop_at;
static uint64_t g_drain_ms;

static void on_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* The other loop may be at anything. */
static void on_drained(struct server *server, void *arg)
{
    (void)arg;
    server_free(server);
    for (int i = 0; i < SERVER_LOOPS; i++)
        CHECK(loop_post(g_loops[i], on_stop, NULL) == 0, "out of memory");
}

static void drain(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    server_drain(g_server, g_drain_ms, on_drained, NULL);
}

static void echo_open(struct stream *s)
{
    if (atomic_fetch_add_explicit(&g_opened, 1, memory_order_relaxed) + 1 == g_stop_at)
        CHECK(loop_post(g_loops[0], drain, NULL) == 0, "out of memory");
    if (s->method->requests == MANY)
        stream_read(s);
}

static void echo_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    if (bytes_equal(bytes, bytes_of_text("no")))
        stream_fail(s, STATUS_ABORTED, "no");
    else if (s->method->responses == ONE && s->method->requests == MANY)
        stream_read(s);
    else
        send_text(s, "yes", s->method->responses == ONE ? STREAM_LAST : 0);
}

static void echo_sent(struct stream *s)
{
    if (s->method->requests == MANY)
        stream_read(s);
    else
        send_text(s, "end", STREAM_LAST);
}

static void echo_end(struct stream *s)
{
    send_text(s, "end", STREAM_LAST);
}

static void echo_close(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
    atomic_fetch_add_explicit(&g_closed, 1, memory_order_relaxed);
}

static const struct stream_handler echo = {
    .on_open = echo_open,
    .on_message = echo_message,
    .on_sent = echo_sent,
    .on_end = echo_end,
    .on_close = echo_close,
};

static const struct method methods[] = {
    { "/test.Echo/Unary", ONE, ONE, &echo, NULL, NULL },
    { "/test.Echo/ServerStream", ONE, MANY, &echo, NULL, NULL },
    { "/test.Echo/ClientStream", MANY, ONE, &echo, NULL, NULL },
    { "/test.Echo/BidiStream", MANY, MANY, &echo, NULL, NULL },
    { "/test.Echo/Nobody", ONE, ONE, &echo, NULL, NULL }, /* the server does not have it */
};

/* --- Clients ------------------------------------------------------------------------ */

struct client {
    struct loop *loop;
    struct channel *channel;
    pthread_t thread;
    unsigned seed;
    int left, open;
    int ended[CODES];
};

struct one_call {
    struct client *client;
    struct stream *s;
    int say;       /* words */
    int cancel_at; /* messages until then; -1: not */
    const char *word;
};

static unsigned draw(struct client *c, unsigned below)
{
    return (unsigned)rand_r(&c->seed) % below;
}

static void say_next(struct one_call *one)
{
    const struct status ok = status_ok();
    while (one->say > 0) {
        if (send_text(one->s, one->word, 0) != 0)
            return;
        one->say--;
    }
    stream_finish(one->s, &ok);
}

static void count_down(struct one_call *one)
{
    if (one->cancel_at >= 0 && one->cancel_at-- == 0)
        stream_fail(one->s, STATUS_CANCELLED, "enough");
}

static void on_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    count_down(s->data);
    stream_read(s);
}

static void on_sent(struct stream *s)
{
    say_next(s->data);
}

static void open_calls(struct client *c);

static void on_close(struct stream *s, const struct status *status)
{
    struct one_call *one = s->data;
    struct client *c = one->client;
    c->ended[status->code]++;
    c->open--;
    free(one);
    open_calls(c);
}

static const struct stream_handler talker = {
    .on_message = on_message,
    .on_sent = on_sent,
    .on_close = on_close,
};

static void open_call(struct client *c)
{
    const struct method *m = &methods[draw(c, 5)];
    const struct call_options options = { .timeout_ms = draw(c, 10) == 0 ? 1 + draw(c, 3) : 0 };
    struct one_call *one = malloc(sizeof *one);
    CHECK(one != NULL, "out of memory");
    *one = (struct one_call){
        .client = c,
        .say = m->requests == ONE ? 1 : (int)draw(c, 6),
        .cancel_at = draw(c, 4) == 0 ? (int)draw(c, 4) : -1,
        .word = draw(c, 10) == 0 ? "no" : "one more",
    };
    CHECK(channel_open(c->channel, c->loop, m->path, &talker, one, &options, &one->s) == 0,
          "out of memory");
    c->open++;
    c->left--;
    say_next(one);
    stream_read(one->s);
    count_down(one);
}

static void open_calls(struct client *c)
{
    while (c->left > 0 && c->open < CALLS_AT_ONCE)
        open_call(c);
    if (c->open == 0)
        loop_stop(c->loop);
}

static void on_begin(struct loop *loop, void *arg)
{
    (void)loop;
    open_calls(arg);
}

/* --- Rounds ------------------------------------------------------------------------- */

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static int start_server(void)
{
    static const struct service service = { "test.Echo", methods, 4 };
    const struct service *const services[] = { &service };
    const struct server_options options = { .write_timeout_ms = 5000, .max_call_ms = 5000 };
    CHECK(server_new(&g_server, g_loops, SERVER_LOOPS, services, 1, &options) == 0, "no server");
    const int port = server_listen(g_server, "127.0.0.1:0", NULL);
    CHECK(port > 0 && server_start(g_server) == 0, "no server");
    return port;
}

/* In odd rounds all clients have one channel. */
static void open_channels(struct client *clients, int port, unsigned round)
{
    const struct channel_options options = { .own_connection = true };
    char target[64];
    snprintf(target, sizeof target, "127.0.0.1:%d", port);
    for (int i = 0; i < CLIENT_LOOPS; i++)
        if (i > 0 && round % 2 == 1)
            clients[i].channel = clients[0].channel;
        else
            CHECK(channel_new(&clients[i].channel, target, &options) == 0, "no channel");
}

static void close_channels(struct client *clients)
{
    for (int i = CLIENT_LOOPS - 1; i >= 0; i--)
        if (i == 0 || clients[i].channel != clients[0].channel)
            channel_free(clients[i].channel);
}

static void one_round(struct client *clients, unsigned round)
{
    pthread_t threads[SERVER_LOOPS];
    g_opened = g_closed = 0;
    g_stop_at = 1 + (int)draw(&clients[0], CALLS);
    g_drain_ms = draw(&clients[0], 30);
    open_channels(clients, start_server(), round);
    for (int i = 0; i < SERVER_LOOPS; i++)
        pthread_create(&threads[i], NULL, run_loop, g_loops[i]);
    for (int i = 0; i < CLIENT_LOOPS; i++) {
        clients[i].left = CALLS;
        CHECK(loop_post(clients[i].loop, on_begin, &clients[i]) == 0, "out of memory");
        pthread_create(&clients[i].thread, NULL, run_loop, clients[i].loop);
    }
    for (int i = 0; i < CLIENT_LOOPS; i++)
        pthread_join(clients[i].thread, NULL);
    if (g_opened < g_stop_at) /* few have come so far */
        CHECK(loop_post(g_loops[0], drain, NULL) == 0, "out of memory");
    for (int i = 0; i < SERVER_LOOPS; i++)
        pthread_join(threads[i], NULL);
    close_channels(clients);
    CHECK(g_opened == g_closed, "%d calls opened, %d closed", g_opened, g_closed);
}

static bool is_expected(int code)
{
    return code == STATUS_OK || code == STATUS_CANCELLED || code == STATUS_ABORTED ||
           code == STATUS_UNAVAILABLE || code == STATUS_DEADLINE_EXCEEDED ||
           code == STATUS_UNIMPLEMENTED;
}

static void report(const struct client *clients, unsigned rounds, unsigned seed)
{
    printf("stress-loops: seed %u, %u rounds, %u calls:", seed, rounds,
           rounds * CLIENT_LOOPS * CALLS);
    for (int code = 0; code < CODES; code++) {
        int n = 0;
        for (int i = 0; i < CLIENT_LOOPS; i++)
            n += clients[i].ended[code];
        if (n > 0)
            printf(" %s %d", status_name((enum status_code)code), n);
        CHECK(n == 0 || is_expected(code), "%d calls ended with %s", n,
              status_name((enum status_code)code));
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    const unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    struct client clients[CLIENT_LOOPS] = { 0 };
    for (int i = 0; i < SERVER_LOOPS; i++)
        CHECK(loop_new(&g_loops[i], LOOP_IN_UV) == 0, "no loop");
    for (int i = 0; i < CLIENT_LOOPS; i++) {
        CHECK(loop_new(&clients[i].loop, LOOP_IN_UV) == 0, "no loop");
        clients[i].seed = seed * 7919 + (unsigned)i;
    }
    for (unsigned round = 0; round < rounds; round++)
        one_round(clients, round);
    report(clients, rounds, seed);
    for (int i = 0; i < CLIENT_LOOPS; i++)
        loop_free(clients[i].loop);
    for (int i = 0; i < SERVER_LOOPS; i++)
        loop_free(g_loops[i]);
    return 0;
}
