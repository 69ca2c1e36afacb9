/* Many messages, one way or both: envelopes, which are framed as gRPC's messages are, and a last
 * one with the end in JSON. The status of HTTP is always 200. */
#include "connect_internal.h"
#include "details.h"
#include "weir/stream.h"

#define FLAG_END 0x02

static void head(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    const char *encoding = dialect_encoding(d);
    (void)status;
    answer_put(a, "content-type",
               connect_of(d)->json ? "application/connect+json" : "application/connect+proto");
    answer_put(a, "connect-accept-encoding", "gzip, deflate");
    if (encoding != NULL)
        answer_put(a, "connect-content-encoding", encoding);
}

static void put_text(struct jsonout *o, struct bytes text)
{
    jsonout_next(o);
    jsonout_text(o, text);
}

/* Trailers of one name are one list; it stands where the first of them does. */
static void put_values(const struct dialect_call *d, struct jsonout *o, size_t from,
                       struct bytes name)
{
    struct bytes other, value;
    for (size_t n = from; details_next_trailer(d, &n, &other, &value);)
        if (bytes_equal(other, name))
            put_text(o, value);
}

static bool came_before(const struct dialect_call *d, size_t before, struct bytes name)
{
    struct bytes other, value;
    for (size_t n = 0; details_next_trailer(d, &n, &other, &value) && n < before;)
        if (bytes_equal(other, name))
            return true;
    return false;
}

static void put_metadata(const struct dialect_call *d, struct jsonout *o)
{
    struct bytes name, value;
    for (size_t n = 0; details_next_trailer(d, &n, &name, &value);) {
        if (came_before(d, n, name))
            continue;
        jsonout_key(o, name);
        jsonout_begin(o, '[');
        put_values(d, o, 0, name);
        jsonout_end(o, ']');
    }
}

static void put_end(const struct dialect_call *d, struct jsonout *o, const struct status *status)
{
    size_t n = 0;
    struct bytes name, value;
    jsonout_begin(o, '{');
    if (status->code != STATUS_OK) {
        jsonout_key(o, bytes_of_text("error"));
        connect_put_error(d, o, status);
    }
    if (details_next_trailer(d, &n, &name, &value)) {
        jsonout_key(o, bytes_of_text("metadata"));
        jsonout_begin(o, '{');
        put_metadata(d, o);
        jsonout_end(o, '}');
    }
    jsonout_end(o, '}');
}

static bool end(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to)
{
    const struct status last = connect_end_of(d, status);
    uint8_t envelope[STREAM_HEAD_BYTES] = { 0 };
    const size_t from = to->len;
    struct jsonout o = { .b = to, .max_len = SIZE_MAX, .first = true };
    (void)started;
    if (!buf_append(to, bytes_of(envelope, sizeof envelope)))
        return false;
    put_end(d, &o, &last);
    if (o.rv != 0)
        return false;
    stream_put_head(to->data + from, to->len - from - sizeof envelope);
    to->data[from] = FLAG_END;
    return true;
}

/* A message that could not be said is an empty envelope, which is no JSON; the end tells why. */
const struct dialect connect_stream = {
    .frames = FRAMES_GRPC,
    .answer_frames = FRAMES_GRPC,
    .decode = connect_decode,
    .head = head,
    .encode = connect_encode,
    .end = end,
};
