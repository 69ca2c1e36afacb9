/* Calls over real gRPC: a server and its client on one loop. The service under
 * test answers each message with the same bytes, and the end with "end". */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/call_world.h"
#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/server.h"

/* --- The service -------------------------------------------------------------------- */

static int g_server_closed;
static enum status_code g_server_code;

static void echo_open(struct stream *s)
{
    if (s->method->requests == MANY)
        stream_read(s);
}

static void echo_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    if (bytes_equal(bytes, bytes_of_text("fail"))) {
        stream_fail(s, STATUS_NOT_FOUND, "no such %s", "thing");
        return;
    }
    struct buf *b = buf_copy(bytes);
    cr_assert_eq(stream_send(s, b, 0, b->len, s->method->requests == ONE ? STREAM_LAST : 0), 0);
    buf_unref(b);
}

static void echo_sent(struct stream *s)
{
    if (s->method->requests == MANY)
        stream_read(s);
}

static void echo_end(struct stream *s)
{
    struct buf *b = buf_copy(bytes_of_text("end"));
    cr_assert_eq(stream_send(s, b, 0, 3, STREAM_LAST), 0);
    buf_unref(b);
}

static void echo_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_server_closed++;
    g_server_code = status->code;
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
    { "/test.Echo/Bidi", MANY, MANY, &echo, NULL, NULL },
};

/* --- The client --------------------------------------------------------------------- */

struct client {
    const char *const *say; /* NULL-terminated */
    bool stay;              /* do not half-close */
    bool cancel_on_message;
    char heard[4096];
    int messages, ends, closes;
    struct status status;
    struct stream *s;
};

static struct loop *g_loop;
static struct server *g_server;
static char g_target[64];

static void say_next(struct client *c)
{
    while (*c->say != NULL) {
        struct buf *b = buf_copy(bytes_of_text(*c->say));
        int rv = stream_send(c->s, b, 0, b->len, 0);
        buf_unref(b);
        if (rv == EAGAIN)
            return;
        cr_assert_eq(rv, 0);
        c->say++;
    }
    struct status ok = status_ok();
    if (!c->stay)
        stream_finish(c->s, &ok);
}

static void hear(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    struct client *c = s->data;
    (void)m;
    c->messages++;
    strncat(c->heard, (const char *)bytes.data, bytes.len < 100 ? bytes.len : 100);
    strcat(c->heard, ",");
    if (c->cancel_on_message)
        stream_fail(s, STATUS_CANCELLED, "enough");
    stream_read(s);
}

static void client_sent(struct stream *s)
{
    say_next(s->data);
}

static void client_end(struct stream *s)
{
    ((struct client *)s->data)->ends++;
}

static void on_drained(struct server *server, void *arg)
{
    (void)server;
    loop_stop(arg);
}

static void client_close(struct stream *s, const struct status *status)
{
    struct client *c = s->data;
    c->closes++;
    c->status = *status;
    server_drain(g_server, 1000, on_drained, g_loop);
}

static const struct stream_handler client = {
    .on_message = hear,
    .on_end = client_end,
    .on_sent = client_sent,
    .on_close = client_close,
};

static void set_up(void)
{
    cr_assert_eq(loop_new(&g_loop, call_world_sleep()), 0);
    cr_assert_eq(server_of(&g_server, &g_loop, 1, methods, 2, NULL), 0);
    int port = server_listen(g_server, "127.0.0.1:0", NULL);
    cr_assert_gt(port, 0);
    cr_assert_eq(server_start(g_server), 0);
    snprintf(g_target, sizeof g_target, "127.0.0.1:%d", port);
}

static void tear_down(void)
{
    server_free(g_server);
    loop_free(g_loop);
}

static void talk(struct client *c, const char *path, uint64_t timeout_ms)
{
    struct channel *channel;
    const struct call_options options = { .timeout_ms = timeout_ms };
    set_up();
    cr_assert_eq(channel_new(&channel, g_target, NULL), 0);
    cr_assert_eq(channel_open(channel, g_loop, path, &client, c, &options, &c->s), 0);
    say_next(c);
    stream_read(c->s);
    loop_run(g_loop);
    channel_free(channel);
    tear_down();
    cr_assert_eq(c->closes, 1);
}

#define SAY(...)                                                                                   \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                            \
    }

Test(call, unary)
{
    struct client c = { .say = SAY("hello") };
    talk(&c, "/test.Echo/Unary", 0);
    cr_assert_str_eq(c.heard, "hello,");
    cr_assert_eq(c.status.code, STATUS_OK);
    cr_assert_eq(g_server_closed, 1);
    cr_assert_eq(g_server_code, STATUS_OK);
}

Test(call, bidi_messages_in_order)
{
    struct client c = { .say = SAY("a", "b", "c", "d", "e") };
    talk(&c, "/test.Echo/Bidi", 0);
    cr_assert_str_eq(c.heard, "a,b,c,d,e,end,");
    cr_assert_leq(c.ends, 1); /* or on_close came first */
    cr_assert_eq(c.status.code, STATUS_OK);
}

Test(call, error_status_reaches_the_client)
{
    struct client c = { .say = SAY("fail") };
    talk(&c, "/test.Echo/Unary", 0);
    cr_assert_eq(c.status.code, STATUS_NOT_FOUND);
    cr_assert_str_eq(c.status.message, "no such thing");
    cr_assert_eq(g_server_code, STATUS_NOT_FOUND);
}

Test(call, empty_message_is_a_message)
{
    struct client c = { .say = SAY("") };
    talk(&c, "/test.Echo/Unary", 0);
    cr_assert_eq(c.messages, 1);
    cr_assert_eq(c.status.code, STATUS_OK);
}

Test(call, no_message_is_invalid)
{
    struct client c = { .say = SAY() };
    talk(&c, "/test.Echo/Unary", 0);
    cr_assert_eq(c.status.code, STATUS_INVALID_ARGUMENT);
    /* Without a request there is nothing for a handler; the core opens it first. */
    cr_assert_eq(g_server_closed, call_world_transport() == TRANSPORT_CORE);
}

Test(call, unknown_method)
{
    struct client c = { .say = SAY("x") };
    talk(&c, "/test.Echo/None", 0);
    cr_assert_eq(c.status.code, STATUS_UNIMPLEMENTED);
    cr_assert_str_eq(c.status.message, "there is no method /test.Echo/None");
}

Test(call, client_cancel_reaches_the_server)
{
    struct client c = { .say = SAY("a"), .stay = true, .cancel_on_message = true };
    talk(&c, "/test.Echo/Bidi", 0);
    cr_assert_eq(c.status.code, STATUS_CANCELLED);
    cr_assert_str_eq(c.status.message, "enough");
    cr_assert_eq(g_server_code, STATUS_CANCELLED);
}

Test(call, deadline)
{
    struct client c = { .say = SAY("a"), .stay = true };
    talk(&c, "/test.Echo/Bidi", 100);
    cr_assert_eq(c.status.code, STATUS_DEADLINE_EXCEEDED);
    cr_assert_eq(g_server_closed, 1);
}

Test(call, large_message)
{
    static char big[1 << 20];
    memset(big, 'x', sizeof big - 1);
    struct client c = { .say = SAY(big) };
    talk(&c, "/test.Echo/Unary", 0);
    cr_assert_eq(c.messages, 1);
    cr_assert_eq(strspn(c.heard, "x"), 100);
}

Test(call, nobody_listens)
{
    struct client c = { .say = SAY("a") };
    struct channel *channel;
    set_up();
    cr_assert_eq(channel_new(&channel, "127.0.0.1:1", NULL), 0);
    cr_assert_eq(channel_open(channel, g_loop, "/test.Echo/Unary", &client, &c, NULL, &c.s), 0);
    stream_read(c.s);
    loop_run(g_loop);
    channel_free(channel);
    tear_down();
    cr_assert_eq(c.status.code, STATUS_UNAVAILABLE);
}
