#include "grpc_web_json.h"

#include "connect_internal.h"
#include "weir/http/grpc_request.h"
#include "weir/http/grpc_web.h"

#define TYPE "application/grpc-web+json"

static struct bytes header(const struct dialect_call *d, const char *name)
{
    return stream_get(d->stream, METADATA_HEADERS, name);
}

static void head(const struct dialect_call *d, struct answer *a, const struct status *status)
{
    struct status last = status_ok();
    if (status != NULL)
        last = connect_end_of(d, status);
    grpc_web_put_head(d, a, status != NULL ? &last : NULL, TYPE);
}

static bool end(const struct dialect_call *d, const struct status *status, bool started,
                struct buf *to)
{
    const struct status last = connect_end_of(d, status);
    return grpc_web_end(d, &last, started, to);
}

static const struct dialect json = {
    .decode = connect_decode,
    .encode = connect_encode,
    .head = head,
    .end = end,
};

static enum acceptance accept(const struct dialect_call *d, struct accepted *ret, struct answer *a)
{
    struct connect *c = connect_of(d);
    if (!grpc_web_is_json(header(d, "content-type")))
        return ACCEPT_OTHER;
    if (!dialect_on_socket(d) && !bytes_equal(header(d, ":method"), bytes_of_text("POST"))) {
        answer_status(a, 405);
        answer_put(a, "allow", "POST");
        return ACCEPT_ANSWER;
    }
    ret->dialect = &json;
    ret->method = dialect_method_at(d, header(d, ":path"));
    grpc_request_read(d->stream, ret);
    if (ret->method == NULL)
        return ACCEPT_CALL;
    c->json = true;
    c->types = web_api_types(connect_api(d), ret->method);
    if (c->types == NULL) {
        ret->is_wrong = true;
        ret->wrong = status_of(STATUS_UNIMPLEMENTED,
                               "no descriptor tells of this method: call it with protobuf");
    }
    return ACCEPT_CALL;
}

/* The state is Connect's: JSON by the same descriptors. */
const struct protocol grpc_web_json_protocol = {
    .name = "grpc-web",
    .state_bytes = sizeof(struct connect),
    .accept = accept,
};
