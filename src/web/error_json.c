#include "error_json.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "codes.h"
#include "pbjson/known.h"
#include "pbjson/number.h"

#define DETAILS 3 /* field number in google.rpc.Status */

static void put_key(struct jsonout *o, const char *name)
{
    jsonout_key(o, bytes_of_text(name));
}

/* Of a message that others may have made: a text that is none is left out. */
static void put_message(struct jsonout *o, const struct status *status)
{
    const struct bytes text = bytes_of_text(status->message);
    put_key(o, "message");
    jsonout_text(o, utf8_valid(text) ? text : bytes_of_text("(no text)"));
}

/* A message by itself, or nothing. */
static struct buf *printed(const struct pb_pool *pool, const char *name,
                           const struct pb_message *type, struct bytes message)
{
    char why[PBJSON_ERROR_BYTES];
    struct buf *json = buf_new(message.len + 64);
    if (type == NULL && name != NULL)
        type = pb_find_message(pool, bytes_of_text(name));
    if (json != NULL && type != NULL && pbjson_print(json, pool, type, message, NULL, why) == 0)
        return json;
    buf_unref(json);
    return NULL;
}

typedef void put_detail(struct jsonout *o, const struct pb_pool *pool, struct bytes any);

static void put_details(struct jsonout *o, const struct pb_pool *pool, struct bytes details,
                        put_detail *put)
{
    struct wire_field f;
    if (wire_find(details, DETAILS).len == 0)
        return;
    put_key(o, "details");
    jsonout_begin(o, '[');
    while (wire_next(&details, &f))
        if (f.number == DETAILS && f.type == WIRE_BYTES)
            put(o, pool, f.bytes);
    jsonout_end(o, ']');
}

/* --- REST --------------------------------------------------------------------------- */

static void put_any(struct jsonout *o, const struct pb_pool *pool, struct bytes any)
{
    struct buf *json = printed(pool, "google.protobuf.Any", NULL, any);
    if (json == NULL)
        return;
    jsonout_next(o);
    jsonout_put(o, buf_bytes(json));
    buf_unref(json);
}

void status_json(struct jsonout *o, const struct pb_pool *pool, const struct status *status,
                 struct bytes details)
{
    char number[NUMBER_TEXT_BYTES];
    jsonout_begin(o, '{');
    put_key(o, "code");
    jsonout_put(o, bytes_of(number, number_put_signed(number, status->code)));
    put_message(o, status);
    put_details(o, pool, details, put_any);
    jsonout_end(o, '}');
}

/* --- Connect ------------------------------------------------------------------------ */

static struct bytes name_of(struct bytes type_url)
{
    const uint8_t *slash = type_url.len > 0 ? memrchr(type_url.data, '/', type_url.len) : NULL;
    const size_t n = slash != NULL ? (size_t)(slash - type_url.data) + 1 : 0;
    return bytes_of(type_url.data + n, type_url.len - n);
}

/* Connect has it without padding. */
static void put_base64(struct jsonout *o, struct bytes value)
{
    struct buf *text = buf_new(base64_text_len(value.len) + 1);
    if (text == NULL) {
        jsonout_text(o, bytes_of("", 0));
        return;
    }
    text->len = base64_encode((char *)text->data, value, BASE64_STANDARD);
    jsonout_text(o, buf_bytes(text));
    buf_unref(text);
}

static void put_typed(struct jsonout *o, const struct pb_pool *pool, struct bytes any)
{
    const struct bytes url = wire_find(any, ANY_TYPE_URL), value = wire_find(any, ANY_VALUE);
    if (!utf8_valid(url))
        return;
    jsonout_next(o);
    jsonout_begin(o, '{');
    put_key(o, "type");
    jsonout_text(o, name_of(url));
    put_key(o, "value");
    put_base64(o, value);
    struct buf *debug = printed(pool, NULL, pb_find_by_url(pool, url), value);
    if (debug != NULL) {
        put_key(o, "debug");
        jsonout_put(o, buf_bytes(debug));
        buf_unref(debug);
    }
    jsonout_end(o, '}');
}

void connect_error_json(struct jsonout *o, const struct pb_pool *pool, const struct status *status,
                        struct bytes details)
{
    jsonout_begin(o, '{');
    put_key(o, "code");
    jsonout_text(o, bytes_of_text(connect_code_of(status->code)));
    if (status->message[0] != '\0')
        put_message(o, status);
    put_details(o, pool, details, put_typed);
    jsonout_end(o, '}');
}
