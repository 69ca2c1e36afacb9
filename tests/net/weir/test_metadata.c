/* Headers and trailers over real gRPC, in both directions. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "lib/call_world.h"
#include "lib/probe.h"

#define BINARY bytes_of((const uint8_t *)"\0\xff\n", 3)

static bool equal(struct bytes got, const char *want)
{
    return got.data != NULL && bytes_equal(got, bytes_of_text(want));
}

static int put(struct stream *s, enum metadata_place place, const char *name, const char *value)
{
    return stream_put(s, place, name, bytes_of_text(value));
}

/* --- A server that puts what it can, where it can ----------------------------------- */

static bool g_fails;
static int g_closed;

static void check_request(struct stream *s)
{
    cr_assert(equal(stream_get(s, METADATA_HEADERS, "x-one"), "1"));
    cr_assert(bytes_equal(stream_get(s, METADATA_HEADERS, "x-two-bin"), BINARY));
    cr_assert_null(stream_get(s, METADATA_HEADERS, "x-three").data);
    cr_assert_null(stream_get(s, METADATA_TRAILERS, "x-one").data);
}

static void put_both(struct stream *s)
{
    cr_assert_eq(put(s, METADATA_HEADERS, "x-header", "h"), 0);
    cr_assert_eq(stream_put(s, METADATA_HEADERS, "x-header-bin", BINARY), 0);
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-trailer", "first"), 0);
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-trailer", "second"), 0);
    cr_assert_eq(stream_put(s, METADATA_TRAILERS, "x-trailer-bin", BINARY), 0);
}

static void on_open(struct stream *s)
{
    check_request(s);
    put_both(s);
    if (g_fails)
        stream_fail(s, STATUS_NOT_FOUND, "nothing here");
    else
        stream_read(s);
}

static void on_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    (void)m;
    (void)bytes;
    cr_assert_eq(say(s, "answer", 0), 0);
    cr_assert_eq(put(s, METADATA_HEADERS, "x-late", "h"), EPIPE);
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-not-late", "t"), 0);
}

static void on_sent(struct stream *s)
{
    const struct status ok = status_ok();
    stream_finish(s, &ok);
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-late", "t"), EPIPE);
}

static void on_close(struct stream *s, const struct status *status)
{
    (void)s;
    (void)status;
    g_closed++;
}

static const struct stream_handler handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_close = on_close,
};

static const struct method method = { "/test.Echo/Put", MANY, MANY, &handler, NULL, NULL };

/* --- A client with an interceptor that looks at them -------------------------------- */

static void put_request(struct stream *s)
{
    cr_assert_eq(put(s, METADATA_HEADERS, "x-one", "1"), 0);
    cr_assert_eq(put(s, METADATA_HEADERS, "x-one", "2"), 0); /* the first is what is got */
    cr_assert_eq(stream_put(s, METADATA_HEADERS, "x-two-bin", BINARY), 0);
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-one", "1"), ENOTSUP);
}

static void put_illegal(struct stream *s)
{
    static const char *const names[] = {
        "X-Upper", "a space", ":path", "", "new\nline", "\xc3\xa4"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(put(s, METADATA_HEADERS, names[i], "1"), EINVAL, "%s", names[i]);
    cr_assert_eq(put(s, METADATA_HEADERS, "x-value", "new\nline"), EINVAL);
    cr_assert_eq(put(s, METADATA_HEADERS, "x-value", "\xc3\xa4"), EINVAL);
    put_request(s);
}

static void check_trailers(struct stream *s)
{
    cr_assert(equal(stream_get(s, METADATA_TRAILERS, "x-trailer"), "first"));
    cr_assert(bytes_equal(stream_get(s, METADATA_TRAILERS, "x-trailer-bin"), BINARY));
    cr_assert_null(stream_get(s, METADATA_TRAILERS, "x-late").data);
}

static void check_answer(struct stream *s, struct status *status)
{
    cr_assert_eq(status->code, g_fails ? STATUS_NOT_FOUND : STATUS_OK);
    cr_assert(equal(stream_get(s, METADATA_HEADERS, "x-header"), "h"));
    cr_assert(bytes_equal(stream_get(s, METADATA_HEADERS, "x-header-bin"), BINARY));
    check_trailers(s);
    cr_assert_eq(put(s, METADATA_HEADERS, "x-late", "h"), EPIPE);
}

static void talk_with(struct probe *p)
{
    struct chain chain = { .n = 0 };
    const struct channel_options client = { .chain = &chain };
    struct call_world w;
    struct talk t = { .say = SAY("a") };
    probe_add(&chain, p);
    g_closed = 0;
    call_world_open_both(&w, &method, 1, NULL, &client);
    talk_open(&t, &w, method.path, NULL);
    loop_run(w.loop);
    cr_assert_eq(t.closes, 1);
    cr_assert_eq(g_closed, 1);
    cr_assert_eq(p->closed, 1);
    call_world_close(&w);
}

Test(metadata, both_ways)
{
    struct probe p = { .name = "P", .on_call = put_request, .on_finish = check_answer };
    talk_with(&p);
}

/* No message comes, and perhaps no headers of their own: an error right away
 * goes out as one frame, but not when there are headers to send. */
Test(metadata, of_a_call_that_fails_at_once)
{
    struct probe p = { .name = "P", .on_call = put_request, .on_finish = check_answer };
    g_fails = true;
    talk_with(&p);
}

Test(metadata, what_grpc_does_not_allow)
{
    struct probe p = { .name = "P", .on_call = put_illegal };
    talk_with(&p);
}

/* --- A status without headers ------------------------------------------------------- */

static void put_trailer(struct stream *s)
{
    cr_assert_eq(put(s, METADATA_TRAILERS, "x-trailer", "first"), 0);
    cr_assert_eq(stream_put(s, METADATA_TRAILERS, "x-trailer-bin", BINARY), 0);
}

static void check_only_trailers(struct stream *s, struct status *status)
{
    cr_assert_eq(status->code, STATUS_PERMISSION_DENIED);
    cr_assert_null(stream_get(s, METADATA_HEADERS, "x-header").data);
    check_trailers(s);
}

Test(metadata, of_a_call_that_an_interceptor_rejects)
{
    struct probe no = { .name = "S", .on_call = put_trailer, .at = { PROBE_REJECT } };
    struct probe p = { .name = "P", .on_finish = check_only_trailers };
    struct chain server = { .n = 0 }, client = { .n = 0 };
    const struct server_options server_options = { .chain = &server };
    const struct channel_options client_options = { .chain = &client };
    struct call_world w;
    struct talk t = { .say = SAY("a") };
    probe_add(&server, &no);
    probe_add(&client, &p);
    call_world_open_both(&w, echo_methods, 4, &server_options, &client_options);
    talk_open(&t, &w, echo_methods[1].path, NULL);
    loop_run(w.loop);
    cr_assert_eq(p.closed, 1);
    cr_assert_eq(t.status.code, STATUS_PERMISSION_DENIED);
    call_world_close(&w);
}
