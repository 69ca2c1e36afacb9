#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_codec.h"
#include "query.h"
#include "rest_internal.h"
#include "url.h"

/* --- Path and query ----------------------------------------------------------------- */

static bool refuse(struct status *why, int rv, const char *text)
{
    *why = json_refused(rv, text);
    if (rv == EINVAL)
        status_because(why, "INVALID_REQUEST");
    return false;
}

static int put_variable(const struct dialect_call *d, unsigned i, char *error)
{
    const struct rest *r = rest_of(d);
    const struct rest_route *route = r->route;
    const enum url_part part =
        route->path.variables[i].n > 1 ||
                route->path.segments[route->path.variables[i].first].kind == SEGMENT_REST
            ? URL_SEGMENTS
            : URL_SEGMENT;
    uint8_t *text = malloc(r->values[i].len);
    size_t len = 0;
    int rv = EINVAL;
    if (text == NULL)
        return ENOMEM;
    if (url_decode(text, r->values[i], part, &len))
        rv = field_path_put(r->fixed, rest_api(d)->pool, route->types->input, &route->variables[i],
                            bytes_of(text, len), error);
    else
        snprintf(error, PBJSON_ERROR_BYTES,
                 "the path has a '%%' that two hexadecimal digits have "
                 "to follow");
    free(text);
    return rv;
}

static int put_query(const struct dialect_call *d, char *error)
{
    const struct rest *r = rest_of(d);
    const struct rest_route *route = r->route;
    if (route->has_body && route->body == NULL && r->query.len > 0) {
        snprintf(error, PBJSON_ERROR_BYTES,
                 "the body has all that the path has not: there is no query");
        return EINVAL;
    }
    return query_put(r->fixed, rest_api(d)->pool, route->types->input, r->query, route->variables,
                     route->path.nvariables, route->body, error);
}

static int put_token(const struct rest *r, struct bytes token)
{
    const struct pb_field *f = rest_page_token(r->route);
    if (token.len == 0 || f == NULL)
        return 0;
    return wire_append_bytes(r->fixed, f->number, token) ? 0 : ENOMEM;
}

bool rest_request_fix(const struct dialect_call *d, struct bytes token, struct status *why)
{
    struct rest *r = rest_of(d);
    char error[PBJSON_ERROR_BYTES] = "";
    r->fixed = buf_new(64);
    int rv = r->fixed != NULL ? put_query(d, error) : ENOMEM;
    for (unsigned i = 0; rv == 0 && i < r->route->path.nvariables; i++)
        rv = put_variable(d, i, error);
    if (rv == 0)
        rv = put_token(r, token);
    return rv == 0 || refuse(why, rv, error);
}

/* --- Body --------------------------------------------------------------------------- */

static bool put_body(const struct dialect_call *d, struct bytes text, size_t max_bytes,
                     struct buf *to, struct status *why)
{
    const struct rest_route *route = rest_of(d)->route;
    const struct json_reading how = { .max_bytes = max_bytes };
    const struct pb_pool *pool = rest_api(d)->pool;
    if (route->body == NULL)
        return json_decode(pool, route->types->input, text, &how, to, why);
    return json_decode_field(pool, route->body, text, &how, to, why);
}

bool rest_decode(const struct dialect_call *d, struct bytes coded, size_t max_bytes,
                 struct buf **ret, struct status *why)
{
    const struct rest *r = rest_of(d);
    const struct bytes fixed = buf_bytes(r->fixed);
    if (coded.len > 0 && !r->route->has_body)
        return refuse(why, EINVAL, "this method takes no body: its request is in path and query");
    struct buf *b = buf_new(coded.len / 2 + fixed.len + 16);
    bool ok = b != NULL;
    if (!ok)
        refuse(why, ENOMEM, "");
    if (ok && coded.len > 0)
        ok = put_body(d, coded, max_bytes, b, why);
    if (ok && !buf_append(b, fixed))
        ok = refuse(why, ENOMEM, "");
    if (ok)
        *ret = b;
    else
        buf_unref(b);
    return ok;
}
