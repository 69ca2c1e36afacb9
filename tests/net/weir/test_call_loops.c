/* One server on several loops, each a thread, and clients on others: many more
 * calls at once than are armed, and every one of them is answered once. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/call_world.h"
#include "lib/leaks.h"
#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/server.h"

enum { SERVER_LOOPS = 2, CLIENT_LOOPS = 2, CALLS = 300, WORDS = 5 };

/* --- The service: answers each message, then "end" ---------------------------------- */

static atomic_int g_opened, g_closed;

static void echo_open(struct stream *s)
{
    g_opened++;
    stream_read(s);
}

static void echo_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    struct buf *b = buf_copy(bytes);
    cr_assert_eq(stream_send(s, b, 0, b->len, 0), 0);
    buf_unref(b);
}

static void echo_end(struct stream *s)
{
    const struct status ok = status_ok();
    stream_finish(s, &ok);
}

static void echo_close(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
    g_closed++;
}

static const struct stream_handler echo = {
    .on_open = echo_open,
    .on_message = echo_message,
    .on_sent = stream_read,
    .on_end = echo_end,
    .on_close = echo_close,
};
static const struct method methods[] = { { "/test.Echo/Bidi", MANY, MANY, &echo, NULL, NULL } };

/* --- Clients: one word at a time ---------------------------------------------------- */

struct client {
    struct loop *loop;
    pthread_t thread;
    struct channel *channel;
    int open, failed;
};

struct one_call {
    struct client *client;
    struct stream *s;
    unsigned said;
    bool cancels; /* before its last word */
};

static void say_next(struct one_call *c)
{
    const struct status ok = status_ok();
    if (c->said == WORDS) {
        stream_finish(c->s, &ok);
        return;
    }
    struct buf *b = buf_new(4);
    const unsigned word = c->said++;
    buf_append(b, bytes_of(&word, sizeof word));
    cr_assert_eq(stream_send(c->s, b, 0, b->len, 0), 0);
    buf_unref(b);
}

static void on_word(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    struct one_call *c = s->data;
    unsigned word;
    (void)m;
    cr_assert_eq(bytes.len, sizeof word);
    memcpy(&word, bytes.data, sizeof word);
    cr_assert_eq(word, c->said - 1);
    if (c->cancels && c->said == WORDS) {
        stream_fail(s, STATUS_CANCELLED, "enough");
        return;
    }
    stream_read(s);
    say_next(c);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct one_call *c = s->data;
    struct client *client = c->client;
    if (status->code != (c->cancels ? STATUS_CANCELLED : STATUS_OK) || c->said != WORDS) {
        client->failed++;
        cr_log_error("%s %s, said %u", status_name((int)status->code), status->message, c->said);
    }
    if (--client->open == 0)
        loop_stop(client->loop);
    free(c);
}

static const struct stream_handler talker = {
    .on_message = on_word,
    .on_close = on_close,
};

static void open_all(struct loop *loop, void *arg)
{
    struct client *client = arg;
    for (int i = 0; i < CALLS; i++) {
        struct one_call *c = calloc(1, sizeof *c);
        c->client = client;
        c->cancels = i % 3 == 0;
        client->open++;
        cr_assert_eq(channel_open(client->channel, loop, methods[0].path, &talker, c, NULL, &c->s),
                     0);
        say_next(c);
        stream_read(c->s);
    }
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

/* --- The test ----------------------------------------------------------------------- */

static struct loop *g_loops[SERVER_LOOPS];

static void on_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void on_drained(struct server *server, void *arg)
{
    (void)server;
    (void)arg;
    for (int i = 0; i < SERVER_LOOPS; i++)
        cr_assert_eq(loop_post(g_loops[i], on_stop, NULL), 0);
}

static void drain(struct loop *loop, void *server)
{
    (void)loop;
    server_drain(server, 5000, on_drained, NULL);
}

Test(call_loops, more_calls_at_once_than_are_armed)
{
    pthread_t threads[SERVER_LOOPS];
    struct client clients[CLIENT_LOOPS] = { 0 };
    struct server *server;
    char target[64];
    for (int i = 0; i < SERVER_LOOPS; i++)
        cr_assert_eq(loop_new(&g_loops[i], call_world_sleep()), 0);
    cr_assert_eq(server_of(&server, g_loops, SERVER_LOOPS, methods, 1, NULL), 0);
    snprintf(target, sizeof target, "127.0.0.1:%d", server_listen(server, "127.0.0.1:0", NULL));
    cr_assert_eq(server_start(server), 0);
    for (int i = 0; i < SERVER_LOOPS; i++)
        pthread_create(&threads[i], NULL, run_loop, g_loops[i]);

    for (int i = 0; i < CLIENT_LOOPS; i++) {
        struct client *c = &clients[i];
        const struct channel_options own = { .own_connection = true };
        cr_assert_eq(loop_new(&c->loop, call_world_sleep()), 0);
        cr_assert_eq(channel_new(&c->channel, target, &own), 0);
        cr_assert_eq(loop_post(c->loop, open_all, c), 0);
        pthread_create(&c->thread, NULL, run_loop, c->loop);
    }
    for (int i = 0; i < CLIENT_LOOPS; i++) {
        pthread_join(clients[i].thread, NULL);
        cr_assert_eq(clients[i].failed, 0);
        channel_free(clients[i].channel);
        loop_free(clients[i].loop);
    }
    cr_assert_eq(loop_post(g_loops[0], drain, server), 0);
    for (int i = 0; i < SERVER_LOOPS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(g_opened, CLIENT_LOOPS * CALLS);
    cr_assert_eq(g_closed, CLIENT_LOOPS * CALLS);
    server_free(server);
    for (int i = 0; i < SERVER_LOOPS; i++)
        loop_free(g_loops[i]);
    assert_no_leaks();
}
