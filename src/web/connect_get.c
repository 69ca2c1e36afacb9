/* A GET has its message in the query:
 *
 *   ?connect=v1&encoding=json&message={}&base64=1&compression=gzip */
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/inflate.h"
#include "connect_internal.h"
#include "json_codec.h"
#include "url.h"

/* Of a message that was packed; decode() knows what the server takes. */
#define MAX_BYTES ((size_t)4 << 20)

struct get {
    struct bytes message, encoding, compression; /* data == NULL: it did not come */
    bool base64;
};

static bool refuse(struct status *why, const char *text)
{
    *why = status_of(STATUS_INVALID_ARGUMENT, "%s", text);
    status_because(why, REASON_PROTOCOL_VIOLATION);
    return false;
}

static bool is(struct bytes text, const char *other)
{
    return bytes_equal(text, bytes_of_text(other));
}

static struct get read_query(struct bytes query)
{
    struct get g = { 0 };
    struct bytes name, value;
    while (url_query_next(&query, &name, &value)) {
        if (is(name, "message"))
            g.message = value;
        else if (is(name, "encoding"))
            g.encoding = value;
        else if (is(name, "compression"))
            g.compression = value;
        else if (is(name, "base64"))
            g.base64 = is(value, "1");
    }
    return g;
}

/* Without what a query and base64 make of it. NULL: *why is set. */
static struct buf *decoded(const struct get *g, struct status *why)
{
    struct buf *b = buf_new(g->message.len + 1);
    if (b == NULL) {
        *why = status_no_memory();
        return NULL;
    }
    bool ok = url_decode(b->data, g->message, URL_QUERY, &b->len);
    if (ok && g->base64)
        ok = base64_decode(b->data, buf_bytes(b), BASE64_URL, &b->len);
    if (ok)
        return b;
    buf_unref(b);
    refuse(why, g->base64 ? "the message in the query is no base64 of the URL's alphabet"
                          : "the message in the query has a '%' that is none");
    return NULL;
}

/* Takes @b. */
static struct buf *unpacked(struct buf *b, const struct get *g, struct status *why)
{
    struct buf *plain = NULL;
    if (b == NULL || g->compression.len == 0 || is(g->compression, "identity"))
        return b;
    switch (inflate_message(buf_bytes(b), MAX_BYTES, &plain)) {
    case INFLATE_OK:
        break;
    case INFLATE_DAMAGED:
        refuse(why, "the message in the query cannot be unpacked");
        break;
    case INFLATE_TOO_LARGE:
        *why = json_refused(EMSGSIZE, "the message is larger than this server takes");
        break;
    case INFLATE_NOMEM:
        *why = status_no_memory();
        break;
    }
    buf_unref(b);
    return plain;
}

bool connect_get_read(struct connect *c, struct bytes query, struct status *why)
{
    const struct get g = read_query(query);
    const enum grpc_encoding packed = grpc_encoding_of(g.compression);
    if (g.message.data == NULL || g.encoding.data == NULL)
        return refuse(why, "the query of a GET needs \"message\" and \"encoding\"");
    c->json = is(g.encoding, "json");
    if (!c->json && !is(g.encoding, "proto"))
        return refuse(why, "\"encoding\" in the query is \"json\" or \"proto\"");
    if (packed == ENCODING_UNKNOWN && g.compression.len > 0) {
        *why = status_of(STATUS_UNIMPLEMENTED, "\"compression\" in the query is gzip or deflate");
        return false;
    }
    c->message = unpacked(decoded(&g, why), &g, why);
    return c->message != NULL;
}
