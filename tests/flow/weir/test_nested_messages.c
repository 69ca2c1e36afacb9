/* Messages that nest without end, at both ends of a call: protobuf-c would go as
 * deep as they do, and the stack is not so deep. */
#include <criterion/criterion.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "lib/fake_stream.h"
#include "lib/loop_until.h"
#include "lib/nested.h"

#define DEEP 100000

static struct loop *g_loop;
static int g_messages;
static struct status g_status;

static void on_open(struct stream *s)
{
    stream_read(s);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    (void)bytes;
    cr_assert_not_null(message);
    g_messages++;
    stream_read(s);
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)s;
    g_status = *status;
}

static const struct stream_handler handler = {
    .message = &google__protobuf__descriptor_proto__descriptor,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};
static const struct method method = { "/t/Many", MANY, MANY, &handler, NULL, NULL };

static void set_up(void)
{
    cr_assert_eq(loop_new(&g_loop, LOOP_IN_UV), 0);
}

static void tear_down(void)
{
    loop_free(g_loop);
}

TestSuite(nesting_flow, .init = set_up, .fini = tear_down);

static void push(struct fake_stream *f, struct buf *b)
{
    fake_stream_push(f, buf_bytes(b));
    buf_unref(b);
}

static struct fake_stream *open_client(void)
{
    struct fake_stream *f = fake_stream_dial(g_loop, &handler, NULL);
    stream_read(&f->s);
    return f;
}

static void expect_closed(struct fake_stream *f, int messages, enum status_code code,
                          const char *reason, const char *text)
{
    LOOP_UNTIL(g_loop, f->closed);
    cr_assert_eq(g_messages, messages);
    cr_assert_eq(g_status.code, code);
    cr_assert_str_eq(g_status.reason, reason);
    cr_assert_str_eq(g_status.message, text);
    fake_stream_free(f);
}

Test(nesting_flow, a_server_refuses_it)
{
    struct fake_stream *f = fake_stream_open(g_loop, &method);
    push(f, nested_descriptors(100, bytes_of(NULL, 0)));
    push(f, nested_descriptors(DEEP, bytes_of(NULL, 0)));
    expect_closed(f, 1, STATUS_INVALID_ARGUMENT, "MESSAGE_TOO_DEEP",
                  "a google.protobuf.DescriptorProto has messages more than 100 deep in one "
                  "another");
}

Test(nesting_flow, a_client_refuses_it)
{
    struct fake_stream *f = open_client();
    push(f, nested_descriptors(100, bytes_of(NULL, 0)));
    push(f, nested_descriptors(DEEP, bytes_of(NULL, 0)));
    expect_closed(f, 1, STATUS_INTERNAL, "",
                  "the server sent a google.protobuf.DescriptorProto that has messages more than "
                  "100 deep in one another");
}
