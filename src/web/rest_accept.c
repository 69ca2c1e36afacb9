/* Which method a request means, and in which form it is answered. */
#include <stdio.h>
#include <stdlib.h>

#include "error_json.h"
#include "media.h"
#include "rest_events.h"
#include "rest_internal.h"
#include "url.h"

static struct bytes header(const struct dialect_call *d, const char *name)
{
    return stream_get(d->stream, METADATA_HEADERS, name);
}

/* --- Answers without a call --------------------------------------------------------- */

/* As a call that failed would be answered. */
static enum acceptance answer_error(const struct dialect_call *d, struct answer *a,
                                    unsigned http_status, enum status_code code, const char *text)
{
    const struct status status = status_of(code, "%s", text);
    struct buf *body = buf_new(128);
    struct jsonout o = { .b = body, .max_len = SIZE_MAX, .first = true };
    answer_status(a, http_status);
    if (body == NULL)
        return ACCEPT_ANSWER;
    status_json(&o, rest_api(d)->pool, &status, bytes_of(NULL, 0));
    jsonout_literal(&o, "\n");
    answer_put(a, "content-type", "application/json");
    answer_body(a, body);
    buf_unref(body);
    return ACCEPT_ANSWER;
}

static enum acceptance answer_unacceptable(const struct dialect_call *d, struct answer *a)
{
    answer_put(a, "vary", "accept");
    return answer_error(d, a, 406, STATUS_INVALID_ARGUMENT,
                        "none of the types in \"accept\" can be answered here");
}

static enum acceptance answer_no_route(const struct dialect_call *d, struct bytes path,
                                       struct answer *a)
{
    char verbs[64];
    if (rest_routes_verbs(&rest_api(d)->routes, path, verbs, sizeof verbs) == 0)
        return answer_error(d, a, 404, STATUS_NOT_FOUND,
                            "there is nothing at this path; /openapi.json tells what there is");
    answer_put(a, "allow", verbs);
    return answer_error(d, a, 405, STATUS_UNIMPLEMENTED,
                        "this path is for other methods of HTTP: see the header \"allow\"");
}

static enum acceptance answer_openapi(const struct dialect_call *d, struct answer *a)
{
    struct buf *body = buf_copy(rest_api(d)->openapi);
    answer_status(a, body != NULL ? 200 : 503);
    answer_put(a, "content-type", "application/json");
    answer_put(a, "cache-control", "no-cache");
    if (body != NULL)
        answer_body(a, body);
    buf_unref(body);
    return ACCEPT_ANSWER;
}

/* --- Which form --------------------------------------------------------------------- */

enum form { FORM_OBJECT, FORM_LINES, FORM_ARRAY, FORM_EVENTS, FORM_NR };

struct offer {
    const char *types[FORM_NR];
    enum form forms[FORM_NR];
    size_t n;
};

static void add_offer(struct offer *o, enum form form, const char *type)
{
    o->types[o->n] = type;
    o->forms[o->n++] = form;
}

static enum side other_side(enum side side)
{
    return side == ONE ? MANY : ONE;
}

/* *route becomes the one of twins that has this form. */
static enum form choose(const struct dialect_call *d, const struct rest_route **route)
{
    const struct rest_route *r = *route;
    const bool one = r->method->responses == ONE || r->twin != NULL;
    const bool many = r->method->responses == MANY || r->twin != NULL;
    struct offer offer = { .n = 0 };
    if (one)
        add_offer(&offer, FORM_OBJECT, "application/json");
    if (many)
        add_offer(&offer, FORM_LINES, "application/x-ndjson");
    if (many && !one)
        add_offer(&offer, FORM_ARRAY, "application/json");
    if (many)
        add_offer(&offer, FORM_EVENTS, "text/event-stream");
    const size_t chosen = media_choose(header(d, "accept"), offer.types, offer.n);
    if (chosen == offer.n)
        return FORM_NR;
    const enum side side = offer.forms[chosen] == FORM_OBJECT ? ONE : MANY;
    if (r->method->responses == other_side(side))
        *route = r->twin;
    return offer.forms[chosen];
}

static const struct dialect *dialect_for(enum form form, bool lines)
{
    static const struct dialect *const dialects[FORM_NR][2] = {
        [FORM_OBJECT] = { &rest_object, &rest_object_of_lines },
        [FORM_LINES] = { &rest_lines, &rest_lines_of_lines },
        [FORM_ARRAY] = { &rest_array, &rest_array_of_lines },
        [FORM_EVENTS] = { &rest_events, &rest_events_of_lines },
    };
    return dialects[form][lines];
}

/* --- The request -------------------------------------------------------------------- */

static bool is_lines(struct bytes type)
{
    return media_is(type, "application/x-ndjson") || media_is(type, "application/ndjson") ||
           media_is(type, "application/jsonl");
}

/* A stream of requests may be one JSON value too: then there is one. */
static bool has_lines(const struct dialect_call *d, const struct rest_route *r)
{
    return r->method->requests == MANY && is_lines(media_type(header(d, "content-type")));
}

/* What stands in a body must be said: so no page of another origin can send it unasked. */
static bool takes_body(const struct dialect_call *d, const struct rest_route *r)
{
    const struct bytes type = media_type(header(d, "content-type"));
    return !r->has_body || media_is(type, "application/json") ||
           (r->method->requests == MANY && is_lines(type));
}

static bool read_timeout(const struct dialect_call *d, struct accepted *ret)
{
    const struct bytes timeout = header(d, "grpc-timeout");
    if (timeout.data == NULL)
        return true;
    ret->has_timeout = true;
    if (!grpc_timeout_parse(timeout, &ret->timeout_ms))
        ret->wrong = status_of(STATUS_INVALID_ARGUMENT, "grpc-timeout is malformed");
    else if (ret->timeout_ms == 0)
        ret->wrong = status_of(STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
    else
        return true;
    return false;
}

/* A body may be packed as a whole; lines that come one by one may not. */
static bool read_encoding(const struct dialect_call *d, struct accepted *ret)
{
    const struct bytes encoding = header(d, "content-encoding");
    if (encoding.data != NULL)
        ret->encoding = grpc_encoding_of(encoding);
    if (ret->encoding == ENCODING_IDENTITY ||
        (ret->encoding != ENCODING_UNKNOWN && ret->dialect->frames == FRAMES_WHOLE))
        return true;
    ret->encoding = ENCODING_IDENTITY;
    ret->wrong = status_of(STATUS_UNIMPLEMENTED, "this content-encoding is not understood: a body "
                                                 "may be in gzip or deflate, but not in lines");
    return false;
}

static enum acceptance accept_route(const struct dialect_call *d, const struct rest_route *route,
                                    struct accepted *ret, struct answer *a)
{
    const enum form form = choose(d, &route);
    const struct bytes last_id = header(d, "last-event-id");
    if (form == FORM_NR)
        return answer_unacceptable(d, a);
    if (!takes_body(d, route))
        return answer_error(d, a, 415, STATUS_INVALID_ARGUMENT,
                            "the body has to be JSON, and \"content-type\" has to say so: "
                            "application/json; of a stream application/x-ndjson");
    if (form == FORM_EVENTS && bytes_equal(last_id, bytes_of_text(REST_EVENT_END))) {
        answer_status(a, 204);
        return ACCEPT_ANSWER;
    }
    rest_of(d)->route = route;
    ret->method = route->method;
    ret->dialect = dialect_for(form, has_lines(d, route));
    if (form == FORM_EVENTS)
        rest_events_begin(d);
    ret->is_wrong =
        !read_timeout(d, ret) || !read_encoding(d, ret) ||
        !rest_request_fix(d, form == FORM_EVENTS ? last_id : bytes_of(NULL, 0), &ret->wrong);
    return ACCEPT_CALL;
}

static bool is_get_or_head(struct bytes verb)
{
    return bytes_equal(verb, bytes_of_text("GET")) || bytes_equal(verb, bytes_of_text("HEAD"));
}

static enum acceptance accept(const struct dialect_call *d, struct accepted *ret, struct answer *a)
{
    struct rest *r = rest_of(d);
    const struct url url = url_of(header(d, ":path"));
    const struct bytes verb = header(d, ":method");
    const struct rest_route *route =
        rest_routes_find(&rest_api(d)->routes, verb, url.path, r->values);
    r->query = url.query;
    if (route != NULL)
        return accept_route(d, route, ret, a);
    if (rest_api(d)->openapi.len > 0 && is_get_or_head(verb) &&
        bytes_equal(url.path, bytes_of_text("/openapi.json")))
        return answer_openapi(d, a);
    return answer_no_route(d, url.path, a);
}

static void close(const struct dialect_call *d)
{
    timer_stop(&rest_of(d)->silence);
    buf_unref(rest_of(d)->fixed);
}

const struct pb_field *rest_page_token(const struct rest_route *route)
{
    const struct pb_field *f = pb_field_by_name(route->types->input, bytes_of_text("page_token"));
    return f != NULL && f->type == PB_STRING && !f->repeated ? f : NULL;
}

const struct protocol rest_protocol = {
    .name = "rest",
    .state_bytes = sizeof(struct rest),
    .accept = accept,
    .close = close,
};
