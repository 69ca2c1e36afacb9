/* Headers of a call: those that came, which are nghttp2's, and those to be sent. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/frames.h"
#include "lib/heap.h"
#include "weir/http/headers.h"

/* --- Received ----------------------------------------------------------------------- */

static struct received_headers g_got;
static bool g_nomem;

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    (void)session;
    (void)frame;
    (void)flags;
    (void)arg;
    g_nomem |= !received_headers_add(&g_got, name, value);
    return 0;
}

/* A request with these, read by nghttp2, whose session is gone afterwards. */
static void receive(const char *const *more)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    struct frames f = { 0 };
    frames_hello(&f);
    frames_request(&f, 1, "/a", more);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
    cr_assert_eq(nghttp2_session_server_new(&session, callbacks, NULL), 0);
    cr_assert_eq(nghttp2_session_mem_recv(session, f.data, f.len), (ssize_t)f.len);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_session_del(session);
    frames_clear(&f);
}

static void expect_got(const char *name, const char *value)
{
    const struct bytes got = received_headers_get(&g_got, name);
    if (value == NULL)
        cr_assert_null(got.data, "%s", name);
    else
        cr_assert(bytes_equal(got, bytes_of_text(value)), "%s: \"%.*s\"", name, (int)got.len,
                  (const char *)got.data);
}

static void watch(void)
{
    heap_watch();
}

static void give_back(void)
{
    received_headers_clear(&g_got);
    cr_assert_eq(heap_live(), 0);
}

TestSuite(received_headers, .init = watch, .fini = give_back);

Test(received_headers, are_found_by_name)
{
    receive((const char *const[]){ "a", "1", "ab", "2", "empty", "", NULL });
    expect_got("a", "1");
    expect_got("ab", "2");
    expect_got("empty", "");
    expect_got(":path", "/a");
    expect_got(":method", "POST");
    expect_got("abc", NULL);
    expect_got("", NULL);
}

Test(received_headers, the_first_of_several_values)
{
    receive((const char *const[]){ "a", "1", "a", "2", "a", "1", NULL });
    expect_got("a", "1");
}

Test(received_headers, binary_ones_are_decoded)
{
    receive((const char *const[]){ "a-bin", "aGVsbG8", "b-bin", "aGVsbG8=", "c-bin", "", "d-bin",
                                   "aGVsbG8, d29ybGQ", "e-bin", "no base64!", "f-bin", "aGk",
                                   "f-bin", "aG8", NULL });
    expect_got("a-bin", "hello");
    expect_got("b-bin", "hello");
    expect_got("c-bin", "");
    expect_got("d-bin", "hello");
    expect_got("e-bin", NULL);
    expect_got("f-bin", "hi");
}

/* What was given out stays, however often and what else is asked for. */
Test(received_headers, decoded_ones_stay)
{
    receive((const char *const[]){ "a-bin", "aGVsbG8", "b-bin", "d29ybGQ", NULL });
    const struct bytes first = received_headers_get(&g_got, "a-bin");
    for (int i = 0; i < 100; i++) {
        expect_got("b-bin", "world");
        cr_assert_eq(received_headers_get(&g_got, "a-bin").data, first.data);
    }
    cr_assert(bytes_equal(first, bytes_of_text("hello")));
}

Test(received_headers, many_of_them_and_their_size)
{
    const char *more[2 * 500 + 1] = { NULL };
    static char names[500][16];
    for (int i = 0; i < 500; i++) {
        snprintf(names[i], sizeof names[0], "n%04d", i);
        more[2 * i] = names[i];
        more[2 * i + 1] = names[499 - i];
    }
    receive(NULL);
    const uint32_t without = g_got.bytes;
    received_headers_clear(&g_got);
    receive(more);
    cr_assert_eq(g_got.bytes - without, 500 * (5 + 5 + 32), "as RFC 9113 counts");
    expect_got("n0000", "n0499");
    expect_got("n0499", "n0000");
}

Test(received_headers, without_memory)
{
    for (unsigned at = 1; at < 6; at++) {
        heap_fail_at(at);
        g_nomem = false;
        receive((const char *const[]){ "a-bin", "aGVsbG8", NULL });
        const struct bytes got = received_headers_get(&g_got, "a-bin");
        cr_assert(g_nomem || got.data == NULL || got.len == 5);
        heap_fail_at(0);
        if (!g_nomem)
            expect_got("a-bin", "hello");
        received_headers_clear(&g_got);
    }
}

/* --- To be sent --------------------------------------------------------------------- */

static struct sent_headers g_sent;

static void clear_sent(void)
{
    sent_headers_clear(&g_sent);
    cr_assert_eq(g_sent.n, 0);
    cr_assert_eq(heap_live(), 0);
}

TestSuite(sent_headers, .init = watch, .fini = clear_sent);

static int put(const char *name, const char *value)
{
    return sent_headers_put(&g_sent, name, bytes_of_text(value));
}

static void expect_last(const char *name, const char *value)
{
    const nghttp2_nv *nv = &g_sent.last->nv;
    cr_assert(bytes_equal(bytes_of(nv->name, nv->namelen), bytes_of_text(name)));
    cr_assert(bytes_equal(bytes_of(nv->value, nv->valuelen), bytes_of_text(value)), "\"%.*s\"",
              (int)nv->valuelen, (const char *)nv->value);
}

Test(sent_headers, are_copied_in_order)
{
    char value[] = "one";
    cr_assert_eq(put("a", value), 0);
    value[0] = 'x';
    expect_last("a", "one");
    cr_assert_eq(put("b.c_d-3", "~ !"), 0);
    expect_last("b.c_d-3", "~ !");
    cr_assert_eq(put("a", ""), 0, "the same name again");
    expect_last("a", "");
    cr_assert_eq(g_sent.n, 3);
    cr_assert_eq(g_sent.first->nv.name[0], 'a');
    cr_assert_eq(g_sent.first->next->nv.name[0], 'b');
    cr_assert_null(g_sent.last->next);
}

Test(sent_headers, binary_ones_are_base64)
{
    cr_assert_eq(sent_headers_put(&g_sent, "a-bin", bytes_of("\0\xff\n", 3)), 0);
    expect_last("a-bin", "AP8K");
    cr_assert_eq(put("a-bin", "a"), 0);
    expect_last("a-bin", "YQ");
    cr_assert_eq(put("a-bin", ""), 0);
    expect_last("a-bin", "");
}

Test(sent_headers, names_that_are_not_allowed)
{
    const char *const names[] = { "", "A", "a b", ":status", "a:", "a\n", "\xc3\xa4", "a/b" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(put(names[i], "x"), EINVAL, "\"%s\"", names[i]);
    cr_assert_eq(g_sent.n, 0);
}

/* Of gRPC's protocol, and those of HTTP/1 that HTTP/2 forbids (RFC 9113, 8.2.2). */
Test(sent_headers, names_of_the_protocol)
{
    const char *const names[] = { "content-type",     "te",
                                  "grpc-status",      "grpc-message",
                                  "grpc-encoding",    "grpc-accept-encoding",
                                  "connection",       "transfer-encoding",
                                  "proxy-connection", "keep-alive",
                                  "upgrade" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(put(names[i], "x"), EINVAL, "%s", names[i]);
}

Test(sent_headers, values_that_are_not_allowed)
{
    const char *const values[] = { "a\n", "\t", "\x7f", "\xc3\xa4", "a\r\nb: c" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cr_assert_eq(put("a", values[i]), EINVAL, "%zu", i);
    cr_assert_eq(sent_headers_put(&g_sent, "a", bytes_of("a\0b", 3)), EINVAL);
}

Test(sent_headers, there_is_a_limit)
{
    for (int i = 0; i < SENT_HEADERS_MAX; i++)
        cr_assert_eq(put("a", "b"), 0);
    cr_assert_eq(put("a", "b"), ENOMEM);
    cr_assert_eq(put("A", "b"), EINVAL, "which is looked at first");
    cr_assert_eq(g_sent.n, SENT_HEADERS_MAX);
}

Test(sent_headers, without_memory_nothing_changes)
{
    cr_assert_eq(put("a", "b"), 0);
    heap_fail_at(1);
    cr_assert_eq(put("c", "d"), ENOMEM);
    cr_assert_eq(g_sent.n, 1);
    expect_last("a", "b");
}
