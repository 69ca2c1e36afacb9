/* The fake stream keeps the contract that other tests rely on. */
#include <criterion/criterion.h>
#include <errno.h>

#include "lib/fake_stream.h"
#include "lib/loop_until.h"

static struct {
    int opened, messages, ended, sent, drained, closed;
    bool inside; /* a stream_ function */
    bool answer; /* echo and read on */
    struct status status;
} seen;

static void on_open(struct stream *s)
{
    cr_assert(!seen.inside);
    seen.opened++;
    if (s->method->requests == MANY)
        stream_read(s);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    cr_assert(!seen.inside);
    cr_assert_null(message);
    seen.messages++;
    if (!seen.answer)
        return;
    struct buf *b = buf_copy(bytes);
    seen.inside = true;
    cr_assert_eq(stream_send(s, b, 0, b->len, 0), 0);
    stream_read(s);
    seen.inside = false;
    buf_unref(b);
}

static void on_end(struct stream *s)
{
    seen.ended++;
    struct status ok = status_ok();
    seen.inside = true;
    stream_finish(s, &ok);
    seen.inside = false;
}

static void on_sent(struct stream *s)
{
    (void)s;
    cr_assert(!seen.inside);
    seen.sent++;
}

static void on_drain(struct stream *s)
{
    seen.drained++;
    stream_fail(s, STATUS_UNAVAILABLE, "stopping");
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)s;
    cr_assert(!seen.inside);
    seen.closed++;
    seen.status = *status;
}

static const struct stream_handler handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_drain = on_drain,
    .on_close = on_close,
};
static const struct method many = { "/t/Many", MANY, MANY, &handler, NULL, NULL };
static const struct method one = { "/t/One", ONE, MANY, &handler, NULL, NULL };

static struct loop *loop;

static void set_up(void)
{
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
}

static void tear_down(void)
{
    loop_free(loop);
}

TestSuite(fake_stream, .init = set_up, .fini = tear_down);

Test(fake_stream, echoes_until_the_end)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    seen.answer = true;
    fake_stream_push(f, bytes_of_text("a"));
    fake_stream_push(f, bytes_of_text("bc"));
    fake_stream_end(f);
    cr_assert_eq(seen.opened, 0, "nothing happens before the loop turns");
    LOOP_UNTIL(loop, seen.closed > 0);
    cr_assert(bytes_equal(fake_stream_sent(f, 0)->bytes, bytes_of_text("a")));
    cr_assert(bytes_equal(fake_stream_sent(f, 1)->bytes, bytes_of_text("bc")));
    cr_assert_eq(f->sent.n, 2);
    cr_assert_eq(f->reads, 3);
    cr_assert_eq(seen.ended, 1);
    loop_turns(loop, 4);
    cr_assert_eq(seen.closed, 1);
    cr_assert_eq(seen.status.code, STATUS_OK);
    fake_stream_free(f);
}

Test(fake_stream, delivers_only_what_is_asked_for)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    fake_stream_push(f, bytes_of_text("a"));
    fake_stream_push(f, bytes_of_text("b"));
    loop_turns(loop, 8);
    cr_assert_eq(seen.messages, 1);
    stream_read(&f->s);
    loop_turns(loop, 8);
    cr_assert_eq(seen.messages, 2);
    fake_stream_free(f);
}

Test(fake_stream, gives_one_request_unasked)
{
    struct fake_stream *f = fake_stream_request(loop, &one, bytes_of_text("q"));
    LOOP_UNTIL(loop, seen.messages == 1);
    cr_assert_eq(seen.opened, 1);
    cr_assert_eq(f->reads, 0);
    fake_stream_free(f);
}

Test(fake_stream, holds_two_messages_while_the_window_is_closed)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    struct buf *b = buf_copy(bytes_of_text("0123"));
    fake_stream_window(f, false);
    cr_assert_eq(stream_send(&f->s, b, 0, 2, STREAM_MORE), 0);
    cr_assert_eq(stream_send(&f->s, b, 2, 2, 0), 0);
    cr_assert_eq(stream_send(&f->s, b, 0, 4, 0), EAGAIN);
    cr_assert_eq(stream_send_run(&f->s, b, 0, 4, 1, 0), EAGAIN);
    loop_turns(loop, 8);
    cr_assert_eq(seen.sent, 0);
    fake_stream_window(f, true);
    LOOP_UNTIL(loop, seen.sent == 2);
    cr_assert_eq(fake_stream_sent(f, 0)->flags, STREAM_MORE);
    cr_assert(bytes_equal(fake_stream_sent(f, 1)->bytes, bytes_of_text("23")));
    cr_assert_eq(atomic_load(&b->refs), 1);
    buf_unref(b);
    fake_stream_free(f);
}

static void put_message(struct buf *b, const char *text)
{
    uint8_t head[STREAM_HEAD_BYTES];
    stream_put_head(head, strlen(text));
    cr_assert(buf_append(b, bytes_of(head, sizeof head)) && buf_append(b, bytes_of_text(text)));
}

Test(fake_stream, takes_a_run_as_one)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    struct buf *b = buf_new(64);
    put_message(b, "a");
    put_message(b, "");
    put_message(b, "cde");
    fake_stream_window(f, false);
    cr_assert_eq(stream_send_run(&f->s, b, 0, b->len, 3, 0), 0);
    cr_assert_eq(stream_send_run(&f->s, b, 0, 6, 1, STREAM_LAST), 0);
    cr_assert_eq(f->held, 2);
    loop_turns(loop, 8);
    cr_assert_eq(f->sent.n, 0);
    fake_stream_window(f, true);
    LOOP_UNTIL(loop, seen.closed == 1);
    static const char *const texts[] = { "a", "", "cde", "a" };
    static const size_t behind[] = { 2, 1, 0, 0 };
    cr_assert_eq(f->sent.n, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct fake_message *m = fake_stream_sent(f, i);
        cr_expect(bytes_equal(m->bytes, bytes_of_text(texts[i])), "message %zu", i);
        cr_expect_eq(m->behind, behind[i]);
        cr_expect_eq(m->flags, i == 3 ? STREAM_LAST : 0);
    }
    cr_assert_eq(f->s.out.bytes, 5);
    cr_assert_eq(seen.sent, 0, "as ever when the status was given");
    cr_assert_eq(atomic_load(&b->refs), 1);
    buf_unref(b);
    fake_stream_free(f);
}

Test(fake_stream, tells_once_that_a_run_went_out)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    struct buf *b = buf_new(64);
    put_message(b, "a");
    put_message(b, "b");
    cr_assert_eq(stream_send_run(&f->s, b, 0, b->len, 2, 0), 0);
    LOOP_UNTIL(loop, f->sent.n == 2);
    loop_turns(loop, 8);
    cr_assert_eq(seen.sent, 1);
    buf_unref(b);
    fake_stream_free(f);
}

Test(fake_stream, drain_ends_it)
{
    struct fake_stream *f = fake_stream_open(loop, &many);
    fake_stream_drain(f);
    LOOP_UNTIL(loop, seen.closed == 1);
    cr_assert_eq(seen.drained, 1);
    cr_assert_str_eq(seen.status.message, "stopping");
    fake_stream_free(f);
}

Test(fake_stream, client_gets_the_status_after_the_messages)
{
    struct fake_stream *f = fake_stream_dial(loop, &handler, NULL);
    fake_stream_push(f, bytes_of_text("a"));
    fake_stream_close(f, STATUS_ABORTED, "why");
    loop_turns(loop, 8);
    cr_assert_eq(seen.closed, 0);
    stream_read(&f->s);
    LOOP_UNTIL(loop, seen.closed == 1);
    cr_assert_eq(seen.messages, 1);
    cr_assert_eq(seen.status.code, STATUS_ABORTED);
    fake_stream_free(f);
}

Test(fake_stream, client_reads_on_after_its_half_close)
{
    struct fake_stream *f = fake_stream_dial(loop, &handler, NULL);
    struct status ok = status_ok();
    stream_finish(&f->s, &ok);
    cr_assert(f->half_closed);
    stream_read(&f->s);
    fake_stream_push(f, bytes_of_text("a"));
    LOOP_UNTIL(loop, seen.messages == 1);
    stream_fail(&f->s, STATUS_CANCELLED, "enough");
    LOOP_UNTIL(loop, seen.closed == 1);
    cr_assert_eq(seen.status.code, STATUS_CANCELLED);
    fake_stream_free(f);
}
