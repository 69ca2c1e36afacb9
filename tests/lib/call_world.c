#include "call_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

struct echo_seen g_echo;

int say(struct stream *s, const char *text, unsigned flags)
{
    struct buf *b = buf_copy(bytes_of_text(text));
    if (b == NULL)
        return ENOMEM;
    const int rv = stream_send(s, b, 0, b->len, flags);
    buf_unref(b);
    return rv;
}

/* --- The service -------------------------------------------------------------------- */

static void check_sent(struct stream *s, int rv)
{
    if (rv == ENOMEM)
        stream_fail_memory(s);
    else
        cr_assert_eq(rv, 0);
}

static void echo_open(struct stream *s)
{
    g_echo.opened++;
    g_echo.open = s;
    if (s->method->requests == MANY)
        stream_read(s);
}

static void echo_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    g_echo.messages++;
    if (s->method->requests == MANY && s->method->responses == ONE) {
        stream_read(s);
        return;
    }
    struct buf *b = buf_copy(bytes);
    const bool last = s->method->responses == ONE;
    check_sent(s, b != NULL ? stream_send(s, b, 0, b->len, last ? STREAM_LAST : 0) : ENOMEM);
    buf_unref(b);
}

static void echo_sent(struct stream *s)
{
    if (s->method->requests == MANY)
        stream_read(s);
    else
        check_sent(s, say(s, "end", STREAM_LAST));
}

static void echo_end(struct stream *s)
{
    g_echo.ends++;
    check_sent(s, say(s, "end", STREAM_LAST));
}

static void echo_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_echo.closed++;
    g_echo.code = status->code;
    g_echo.open = NULL;
}

static const struct stream_handler echo = {
    .on_open = echo_open,
    .on_message = echo_message,
    .on_sent = echo_sent,
    .on_end = echo_end,
    .on_close = echo_close,
};

/* --- Runs --------------------------------------------------------------------------- */

static struct buf *make_run(void)
{
    const size_t each = STREAM_HEAD_BYTES + RUN_BYTES_EACH;
    struct buf *b = buf_new(RUN_MESSAGES * each);
    if (b == NULL)
        return NULL;
    for (int i = 0; i < RUN_MESSAGES; i++, b->len += each) {
        stream_put_head(b->data + b->len, RUN_BYTES_EACH);
        memset(b->data + b->len + STREAM_HEAD_BYTES, 'a' + i % 26, RUN_BYTES_EACH);
    }
    return b;
}

static void send_run(struct stream *s)
{
    struct buf *b = make_run();
    check_sent(s, b != NULL ? stream_send_run(s, b, 0, b->len, RUN_MESSAGES, 0) : ENOMEM);
    buf_unref(b);
}

static void runs_open(struct stream *s)
{
    g_echo.opened++;
    g_echo.open = s;
}

/* Both at once: as many as there is room for. */
static void runs_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    g_echo.messages++;
    send_run(s);
    if (!s->finished)
        send_run(s);
}

static void runs_sent(struct stream *s)
{
    const struct status ok = status_ok();
    if (s->data != NULL)
        stream_finish(s, &ok);
    s->data = s;
}

static const struct stream_handler runs = {
    .on_open = runs_open,
    .on_message = runs_message,
    .on_sent = runs_sent,
    .on_close = echo_close,
};

const struct method echo_methods[ECHO_NMETHODS] = {
    { "/test.Echo/Unary", ONE, ONE, &echo, NULL, NULL },
    { "/test.Echo/ServerStream", ONE, MANY, &echo, NULL, NULL },
    { "/test.Echo/ClientStream", MANY, ONE, &echo, NULL, NULL },
    { "/test.Echo/BidiStream", MANY, MANY, &echo, NULL, NULL },
    [ECHO_RUNS] = { "/test.Echo/Runs", ONE, MANY, &runs, NULL, NULL },
};

/* --- The client --------------------------------------------------------------------- */

static void say_next(struct talk *t)
{
    for (; *t->say != NULL; t->say++) {
        const int rv = say(t->s, *t->say, 0);
        if (rv == ENOMEM)
            stream_fail_memory(t->s);
        if (rv != 0) {
            cr_assert(rv == EAGAIN || rv == EPIPE || rv == ENOMEM);
            return;
        }
    }
    const struct status ok = status_ok();
    if (!t->stay)
        stream_finish(t->s, &ok);
}

static void hear(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    struct talk *t = s->data;
    const size_t n = strlen(t->heard);
    (void)m;
    cr_assert_eq(t->closes, 0);
    t->messages++;
    snprintf(t->heard + n, sizeof t->heard - n, "%.*s,", (int)bytes.len, (const char *)bytes.data);
    if (t->on_heard != NULL)
        t->on_heard(t);
    stream_read(s);
}

static void talk_sent(struct stream *s)
{
    struct talk *t = s->data;
    cr_assert_eq(t->closes, 0);
    say_next(t);
}

static void talk_end(struct stream *s)
{
    struct talk *t = s->data;
    cr_assert_eq(t->closes, 0);
    t->ends++;
}

static void talk_close(struct stream *s, const struct status *status)
{
    struct talk *t = s->data;
    t->closes++;
    t->s = NULL;
    t->status = *status;
    if (!t->leave)
        call_world_drain(t->world, 1000);
}

static const struct stream_handler talker = {
    .on_message = hear,
    .on_end = talk_end,
    .on_sent = talk_sent,
    .on_close = talk_close,
};

int talk_try(struct talk *t, struct call_world *w, const char *path,
             const struct call_options *options)
{
    t->world = w;
    const int rv = channel_open(w->channel, w->loop, path, &talker, t, options, &t->s);
    if (rv != 0)
        return rv;
    say_next(t);
    if (!t->deaf)
        stream_read(t->s);
    return 0;
}

void talk_open(struct talk *t, struct call_world *w, const char *path,
               const struct call_options *options)
{
    cr_assert_eq(talk_try(t, w, path, options), 0);
}

/* --- The world ---------------------------------------------------------------------- */

enum server_transport call_world_transport(void)
{
    const char *wanted = getenv("CALL_TRANSPORT");
    return wanted != NULL && strcmp(wanted, "core") == 0 ? TRANSPORT_CORE : TRANSPORT_HTTP;
}

enum loop_sleep call_world_sleep(void)
{
    return call_world_transport() == TRANSPORT_CORE ? LOOP_IN_CORE : LOOP_IN_UV;
}

int server_of(struct server **ret, struct loop *const *loops, size_t nloops,
              const struct method *methods, size_t nmethods, const struct server_options *options)
{
    const struct service service = { "test.Echo", methods, nmethods };
    const struct service *const services[] = { &service };
    struct server_options own = options != NULL ? *options : (struct server_options){ 0 };
    own.transport = call_world_transport();
    return server_new(ret, loops, nloops, services, 1, &own);
}

/* Below the ports that the system gives away (ip_local_port_range): a server that
 * comes back finds its own free. */
#define PORT_MIN 10000
#define PORT_MAX 32767

static void listen_somewhere(struct call_world *w)
{
    unsigned seed = (unsigned)getpid() ^ (unsigned)clock_ns();
    do
        snprintf(w->target, sizeof w->target, "127.0.0.1:%d",
                 PORT_MIN + rand_r(&seed) % (PORT_MAX - PORT_MIN));
    while (server_listen(w->server, w->target, NULL) == 0);
}

void call_world_open_both(struct call_world *w, const struct method *methods, size_t n,
                          const struct server_options *server, const struct channel_options *client)
{
    struct channel_options own = client != NULL ? *client : (struct channel_options){ 0 };
    own.own_connection = true;
    *w = (struct call_world){ 0 };
    g_echo = (struct echo_seen){ 0 };
    cr_assert_eq(loop_new(&w->loop, call_world_sleep()), 0);
    cr_assert_eq(server_of(&w->server, &w->loop, 1, methods, n, server), 0);
    listen_somewhere(w);
    cr_assert_eq(server_start(w->server), 0);
    cr_assert_eq(channel_new(&w->channel, w->target, &own), 0);
}

void call_world_open(struct call_world *w, const struct method *methods, size_t n,
                     const struct server_options *options)
{
    call_world_open_both(w, methods, n, options, NULL);
}

static void on_drained(struct server *server, void *arg)
{
    struct call_world *w = arg;
    (void)server;
    w->drained = true;
    loop_stop(w->loop);
}

void call_world_drain(struct call_world *w, uint64_t timeout_ms)
{
    if (w->draining)
        return;
    w->draining = true;
    server_drain(w->server, timeout_ms, on_drained, w);
}

void call_world_close(struct call_world *w)
{
    call_world_drain(w, 1000);
    if (w->drained) /* and a loop_break() was quicker than what is in flight */
        loop_stop(w->loop);
    loop_run(w->loop);
    cr_assert_eq(g_echo.opened, g_echo.closed);
    channel_free(w->channel);
    server_free(w->server);
    loop_free(w->loop); /* asserts that nothing is in flight */
}
