/* Which requests are Connect's: those for a method of the server with a type of body that Connect
 * has, and those that say that they are. */
#include <stdlib.h>

#include "connect_internal.h"
#include "media.h"
#include "url.h"

enum shape { SHAPE_UNARY, SHAPE_STREAM, SHAPE_NONE };

struct request {
    const struct dialect_call *d;
    struct accepted *ret;
    struct answer *a;
    struct url url;
    const struct method *method;
    enum shape shape;
    bool get, post, says_so; /* that it is Connect's */
};

static struct bytes header(const struct request *r, const char *name)
{
    return stream_get(r->d->stream, METADATA_HEADERS, name);
}

/* --- What it says ------------------------------------------------------------------- */

static bool wrong(struct request *r, enum status_code code, const char *text)
{
    r->ret->is_wrong = true;
    r->ret->wrong = status_of(code, "%s", text);
    status_because(&r->ret->wrong, REASON_PROTOCOL_VIOLATION);
    return false;
}

static bool check_version(struct request *r)
{
    const struct bytes version = header(r, "connect-protocol-version");
    if (version.data == NULL || bytes_equal(version, bytes_of_text("1")))
        return true;
    return wrong(r, STATUS_INVALID_ARGUMENT, "connect-protocol-version is not 1");
}

#define TIMEOUT_DIGITS 10

static bool read_timeout(struct request *r)
{
    const struct bytes text = header(r, "connect-timeout-ms");
    if (text.data == NULL)
        return true;
    bool digits = text.len > 0 && text.len <= TIMEOUT_DIGITS;
    for (size_t i = 0; digits && i < text.len; i++) {
        digits = text.data[i] >= '0' && text.data[i] <= '9';
        r->ret->timeout_ms = r->ret->timeout_ms * 10 + (text.data[i] - '0');
    }
    if (!digits)
        return wrong(r, STATUS_INVALID_ARGUMENT, "connect-timeout-ms is no number of 10 digits");
    r->ret->has_timeout = true;
    if (r->ret->timeout_ms > 0)
        return true;
    r->ret->is_wrong = true;
    r->ret->wrong = status_of(STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
    return false;
}

/* Of a stream's envelopes; of a unary call's whole body, which a GET has not. */
static bool read_encodings(struct request *r)
{
    const bool stream = r->shape == SHAPE_STREAM;
    const struct bytes accepted = header(r, stream ? "connect-accept-encoding" : "accept-encoding");
    const struct bytes used = header(r, stream ? "connect-content-encoding" : "content-encoding");
    if (accepted.data != NULL && stream)
        r->ret->encodings = grpc_encodings_accepted(accepted);
    if (used.data != NULL && !r->get)
        r->ret->encoding = grpc_encoding_of(used);
    if (r->ret->encoding != ENCODING_UNKNOWN)
        return true;
    r->ret->encoding = ENCODING_IDENTITY;
    return wrong(r, STATUS_UNIMPLEMENTED,
                 "the encoding of the body is not understood; gzip and deflate are");
}

/* Of JSON it is answered in JSON only, and that needs a descriptor. */
static bool check_types(struct request *r)
{
    struct connect *c = connect_of(r->d);
    if (r->method == NULL || c->types != NULL || !c->json)
        return true;
    c->json = false;
    return wrong(r, STATUS_UNIMPLEMENTED,
                 "no descriptor tells of this method: call it with "
                 "protobuf, or in its package of today");
}

static bool read_get(struct request *r)
{
    if (!r->get || connect_get_read(connect_of(r->d), r->url.query, &r->ret->wrong))
        return true;
    r->ret->is_wrong = true;
    return false;
}

/* --- Answers of HTTP alone ---------------------------------------------------------- */

static enum acceptance answer(struct request *r, unsigned status, const char *name,
                              const char *value)
{
    answer_status(r->a, status);
    answer_put(r->a, name, value);
    return ACCEPT_ANSWER;
}

static enum acceptance unsupported(struct request *r)
{
    const bool unary = r->method->requests == ONE && r->method->responses == ONE;
    return answer(r, 415, "accept-post",
                  unary ? "application/proto, application/json, application/grpc, "
                          "application/grpc-web, application/grpc-web-text"
                        : "application/connect+proto, application/connect+json, application/grpc, "
                          "application/grpc-web, application/grpc-web-text");
}

/* --- Whose it is -------------------------------------------------------------------- */

static enum shape shape_of(struct bytes type, bool *ret_json)
{
    *ret_json = media_is(type, "application/json") || media_is(type, "application/connect+json");
    if (media_is(type, "application/json") || media_is(type, "application/proto"))
        return SHAPE_UNARY;
    if (media_is(type, "application/connect+json") || media_is(type, "application/connect+proto"))
        return SHAPE_STREAM;
    return SHAPE_NONE;
}

static struct request read_request(const struct dialect_call *d, struct accepted *ret,
                                   struct answer *a)
{
    struct request r = { .d = d, .ret = ret, .a = a };
    r.url = url_of(header(&r, ":path"));
    r.get = bytes_equal(header(&r, ":method"), bytes_of_text("GET"));
    r.post = bytes_equal(header(&r, ":method"), bytes_of_text("POST"));
    r.method = dialect_method_at(d, r.url.path);
    r.shape = r.get ? SHAPE_UNARY
                    : shape_of(media_type(header(&r, "content-type")), &connect_of(d)->json);
    r.says_so = header(&r, "connect-protocol-version").data != NULL || r.shape == SHAPE_STREAM ||
                (r.shape == SHAPE_UNARY && !r.get && !connect_of(d)->json);
    return r;
}

static enum acceptance accept_call(struct request *r)
{
    struct connect *c = connect_of(r->d);
    r->ret->method = r->method;
    r->ret->dialect = r->shape == SHAPE_STREAM ? &connect_stream : &connect_unary;
    if (r->method != NULL)
        c->types = web_api_types(connect_api(r->d), r->method);
    (void)(check_version(r) && read_timeout(r) && read_encodings(r) && read_get(r) &&
           check_types(r));
    return ACCEPT_CALL;
}

static bool is_unary(const struct method *m)
{
    return m->requests == ONE && m->responses == ONE;
}

/* Of a path that is a method's. */
static enum acceptance accept_method(struct request *r)
{
    const bool reads = web_api_only_reads(web_api_types(connect_api(r->d), r->method));
    if (!r->post && !(r->get && reads && is_unary(r->method)))
        return answer(r, 405, "allow", reads && is_unary(r->method) ? "GET, POST" : "POST");
    if (r->shape == SHAPE_NONE || (r->shape == SHAPE_UNARY) != is_unary(r->method))
        return unsupported(r);
    return accept_call(r);
}

static enum acceptance accept(const struct dialect_call *d, struct accepted *ret, struct answer *a)
{
    struct request r = read_request(d, ret, a);
    if (r.method != NULL)
        return accept_method(&r);
    if (!r.says_so || !(r.get || r.post))
        return ACCEPT_OTHER;
    return accept_call(&r);
}

static void close(const struct dialect_call *d)
{
    buf_unref(connect_of(d)->message);
}

const struct protocol connect_protocol = {
    .name = "connect",
    .state_bytes = sizeof(struct connect),
    .accept = accept,
    .close = close,
};
