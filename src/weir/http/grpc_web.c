/* gRPC-Web (grpc/grpc doc/PROTOCOL-WEB.md): gRPC's frames in a plain HTTP body, whose
 * last frame has the trailers in it. In its text form the body is base64.
 *
 * A call that ends before its first message is told in the headers alone: clients take
 * what is said in an empty answer's last frame for no error at all. */
#include "grpc_web.h"

#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "base64_stream.h"
#include "grpc_request.h"

#define TRAILERS_FLAG 0x80

struct grpc_web {
    struct base64_stream text;
};

/* --- Requests ----------------------------------------------------------------------- */

static void no_base64(struct status *why)
{
    *why = status_of(STATUS_INTERNAL, "the request's body is no base64");
    status_because(why, REASON_PROTOCOL_VIOLATION);
}

static bool unwrap_text(const struct dialect_call *d, struct bytes body, struct buf *to,
                        struct status *why)
{
    struct grpc_web *w = d->state;
    switch (base64_stream_decode(&w->text, body, to)) {
    case BASE64_OK:
        return true;
    case BASE64_DAMAGED:
        no_base64(why);
        return false;
    default:
        *why = status_no_memory();
        return false;
    }
}

/* One to three characters without the rest of their quartet are not base64 either. */
static bool unwrap_text_end(const struct dialect_call *d, struct status *why)
{
    const struct grpc_web *w = d->state;
    if (base64_stream_is_between(&w->text))
        return true;
    no_base64(why);
    return false;
}

/* --- Answers ------------------------------------------------------------------------ */

static void put_status(struct answer *a, const struct status *status)
{
    char number[4], message[3 * STATUS_MESSAGE_MAX];
    snprintf(number, sizeof number, "%u", (unsigned)status->code % 1000);
    answer_put(a, "grpc-status", number);
    const size_t len = percent_encode(message, sizeof message, status->message);
    if (len > 0)
        answer_put_bytes(a, bytes_of_text("grpc-message"), bytes_of(message, len));
}

void grpc_web_put_head(const struct dialect_call *d, struct answer *a, const struct status *status,
                       const char *type)
{
    struct bytes name, value;
    const char *encoding = dialect_encoding(d);
    answer_put(a, "content-type", type);
    answer_put(a, "grpc-accept-encoding", "identity, deflate, gzip");
    if (status == NULL) {
        if (encoding != NULL)
            answer_put(a, "grpc-encoding", encoding);
        return;
    }
    put_status(a, status);
    for (size_t n = 0; dialect_trailer(d, n, &name, &value); n++)
        answer_put_bytes(a, name, value);
}

static void head_binary(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    grpc_web_put_head(d, a, status, "application/grpc-web+proto");
}

static void head_text(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    grpc_web_put_head(d, a, status, "application/grpc-web-text+proto");
}

static bool put_line(struct buf *to, struct bytes name, struct bytes value)
{
    return buf_append(to, name) && buf_append(to, bytes_of(": ", 2)) && buf_append(to, value) &&
           buf_append(to, bytes_of("\r\n", 2));
}

static bool put_trailers(const struct dialect_call *d, const struct status *status, struct buf *to)
{
    char number[4], message[3 * STATUS_MESSAGE_MAX];
    struct bytes name, value;
    const int digits = snprintf(number, sizeof number, "%u", (unsigned)status->code % 1000);
    const size_t len = percent_encode(message, sizeof message, status->message);
    bool put = put_line(to, bytes_of_text("grpc-status"), bytes_of(number, (size_t)digits));
    if (put && len > 0)
        put = put_line(to, bytes_of_text("grpc-message"), bytes_of(message, len));
    for (size_t n = 0; put && dialect_trailer(d, n, &name, &value); n++)
        put = put_line(to, name, value);
    return put;
}

bool grpc_web_end(const struct dialect_call *d, const struct status *status, bool started,
                  struct buf *to)
{
    uint8_t frame[STREAM_HEAD_BYTES] = { 0 };
    const size_t from = to->len;
    if (!started)
        return true;
    if (!buf_append(to, bytes_of(frame, sizeof frame)) || !put_trailers(d, status, to))
        return false;
    stream_put_head(to->data + from, to->len - from - sizeof frame);
    to->data[from] = TRAILERS_FLAG;
    return true;
}

static bool wrap_text(const struct dialect_call *d, struct bytes body, struct buf *to)
{
    (void)d;
    return base64_stream_encode(body, to);
}

static const struct dialect binary = {
    .head = head_binary,
    .end = grpc_web_end,
};

static const struct dialect text = {
    .unwrap = unwrap_text,
    .unwrap_end = unwrap_text_end,
    .head = head_text,
    .end = grpc_web_end,
    .wrap = wrap_text,
};

/* --- The protocol ------------------------------------------------------------------- */

/* What follows the type's name: nothing, or "+proto", and parameters. JSON needs descriptors, which
 * are not known here: another protocol's (src/web/grpc_web_json.h). */
static bool is_proto(struct bytes rest)
{
    static const struct bytes proto = { (const uint8_t *)"+proto", 6 };
    if (rest.len >= proto.len && bytes_equal(bytes_of(rest.data, proto.len), proto))
        rest = bytes_of(rest.data + proto.len, rest.len - proto.len);
    return rest.len == 0 || *rest.data == ';' || *rest.data == ' ';
}

static bool skip(struct bytes *type, const char *prefix)
{
    const struct bytes p = bytes_of_text(prefix);
    if (type->data == NULL || type->len < p.len || memcmp(type->data, p.data, p.len) != 0)
        return false;
    *type = bytes_of(type->data + p.len, type->len - p.len);
    return true;
}

bool grpc_web_is_json(struct bytes type)
{
    return skip(&type, "application/grpc-web+json") &&
           (type.len == 0 || *type.data == ';' || *type.data == ' ');
}

static enum acceptance accept(const struct dialect_call *d, struct accepted *ret, struct answer *a)
{
    struct bytes type = stream_get(d->stream, METADATA_HEADERS, "content-type");
    if (grpc_web_is_json(type) || !skip(&type, "application/grpc-web"))
        return ACCEPT_OTHER;
    ret->dialect = skip(&type, "-text") ? &text : &binary;
    if (!is_proto(type)) {
        answer_status(a, 415);
        return ACCEPT_ANSWER;
    }
    if (!bytes_equal(stream_get(d->stream, METADATA_HEADERS, ":method"), bytes_of_text("POST"))) {
        answer_status(a, 405);
        answer_put(a, "allow", "POST");
        return ACCEPT_ANSWER;
    }
    ret->method = dialect_method_at(d, stream_get(d->stream, METADATA_HEADERS, ":path"));
    grpc_request_read(d->stream, ret);
    return ACCEPT_CALL;
}

const struct protocol grpc_web_protocol = {
    .name = "grpc-web",
    .state_bytes = sizeof(struct grpc_web),
    .accept = accept,
};
