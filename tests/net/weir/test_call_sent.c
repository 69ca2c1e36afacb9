/* What stream_send() takes on real gRPC, and what on_sent tells of it: two
 * messages or runs at a time, and each is told of once. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "lib/call_world.h"
#include "lib/leaks.h"

static struct call_world g_world;
static struct stream *g_stream;
static struct task g_later;
static unsigned g_sent, g_sent_expected, g_heard, g_expected;

/* An echo may be there before the core says that its message went out. */
static void finish_if_over(struct stream *s)
{
    const struct status ok = status_ok();
    if (g_heard == g_expected && g_sent >= g_sent_expected)
        stream_finish(s, &ok);
}

static void on_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    g_heard++;
    finish_if_over(s);
    stream_read(s);
}

static void on_sent(struct stream *s)
{
    g_sent++;
    finish_if_over(s);
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)s;
    cr_assert_eq(status->code, STATUS_OK, "%s", status->message);
    call_world_drain(&g_world, 1000);
}

static const struct stream_handler handler = {
    .on_message = on_message,
    .on_sent = on_sent,
    .on_close = on_close,
};

/* So many messages of one byte. */
static int send_run(size_t messages)
{
    struct buf *b = buf_new(messages * (STREAM_HEAD_BYTES + 1));
    for (size_t i = 0; i < messages; i++) {
        stream_put_head(b->data + b->len, 1);
        b->data[b->len + STREAM_HEAD_BYTES] = 'r';
        b->len += STREAM_HEAD_BYTES + 1;
    }
    const int rv = stream_send_run(g_stream, b, 0, b->len, messages, 0);
    buf_unref(b);
    return rv;
}

/* Opens a call whose messages come back. What is sent now goes out with its
 * headers, on the next round; @later runs right after that was begun. */
static void open_call(unsigned messages, void (*later)(struct task *task))
{
    g_sent = g_heard = 0;
    g_expected = messages;
    call_world_open(&g_world, echo_methods, 4, NULL);
    cr_assert_eq(channel_open(g_world.channel, g_world.loop, "/test.Echo/BidiStream", &handler,
                              NULL, NULL, &g_stream),
                 0);
    stream_read(g_stream);
    g_later = (struct task){ .run = later };
    if (later != NULL)
        task_defer(g_world.loop, &g_later);
}

/* One more than that would show before the end of the call. */
static void expect_sent(unsigned n)
{
    g_sent_expected = n;
    loop_run(g_world.loop);
    cr_assert_eq(g_heard, g_expected + 1, "and \"end\"");
    cr_assert_eq(g_sent, n, "on_sent came %u times", g_sent);
    call_world_close(&g_world);
    assert_no_leaks();
}

static void say_one(struct task *task)
{
    (void)task;
    cr_assert_eq(say(g_stream, "a", 0), 0);
}

static void say_three(struct task *task)
{
    (void)task;
    cr_assert_eq(say(g_stream, "a", 0), 0);
    cr_assert_eq(say(g_stream, "b", 0), 0);
    cr_assert_eq(say(g_stream, "c", 0), EAGAIN);
}

static void say_two(struct task *task)
{
    (void)task;
    cr_assert_eq(say(g_stream, "a", 0), 0);
    cr_assert_eq(say(g_stream, "b", 0), EAGAIN);
}

Test(call_sent, a_message_behind_the_headers_is_told_of_once)
{
    open_call(1, say_one);
    expect_sent(1);
}

Test(call_sent, two_wait_behind_the_headers)
{
    open_call(2, say_three);
    expect_sent(2);
}

Test(call_sent, a_message_before_a_run_is_told_of)
{
    open_call(4, NULL);
    cr_assert_eq(say(g_stream, "a", 0), 0);
    cr_assert_eq(send_run(3), 0);
    expect_sent(2);
}

Test(call_sent, a_message_waits_behind_a_run_in_its_midst)
{
    open_call(4, say_two);
    cr_assert_eq(send_run(3), 0);
    expect_sent(2);
}

Test(call_sent, a_message_waits_behind_one_on_its_way)
{
    open_call(2, say_two);
    cr_assert_eq(say(g_stream, "0", 0), 0);
    expect_sent(2);
}
