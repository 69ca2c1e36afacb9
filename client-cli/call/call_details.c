#include "call_details.h"

#include "base/wire.h"
#include "pbjson/pbjson.h"
#include "serverkit/reflection/descriptors.h"

#define POOL_BYTES ((size_t)8 << 20) /* ours takes a fraction of that */
#define JSON_BYTES ((size_t)64 << 10)

/* Numbers of fields of google.rpc.Status and google.protobuf.Any. */
enum { STATUS_DETAILS = 3, ANY_TYPE_URL = 1, ANY_VALUE = 2 };

static void say_json(struct session *s, const struct pb_pool *pool, const struct pb_message *type,
                     struct bytes value)
{
    const struct pbjson_print options = { .max_bytes = JSON_BYTES };
    char error[PBJSON_ERROR_BYTES] = "out of memory";
    const int len = (int)type->full_name.len;
    const char *name = (const char *)type->full_name.data;
    struct buf *b = buf_new(256);
    if (b != NULL && pbjson_print(b, pool, type, value, &options, error) == 0)
        session_say(s, "detail %.*s %.*s", len, name, (int)b->len, (const char *)b->data);
    else
        session_say(s, "detail %.*s, %zu bytes: %s", len, name, value.len, error);
    buf_unref(b);
}

static void say_one(struct session *s, const struct pb_pool *pool, const struct pb_pool *ours,
                    struct bytes any)
{
    const struct bytes url = wire_find(any, ANY_TYPE_URL), value = wire_find(any, ANY_VALUE);
    const struct pb_message *theirs = pb_find_by_url(pool, url);
    const struct pb_message *known = pb_find_by_url(ours, url);
    if (theirs != NULL)
        say_json(s, pool, theirs, value);
    else if (known != NULL)
        say_json(s, ours, known, value);
    else
        session_say(s, "detail %.*s, %zu bytes: its type is not known",
                    (int)(url.len < 200 ? url.len : 200), (const char *)url.data, value.len);
}

void call_details_say(struct session *s, const struct pb_pool *pool, struct bytes status)
{
    struct pb_pool *ours = pb_pool_new(POOL_BYTES);
    struct wire_field field;
    if (ours == NULL)
        return;
    if (pb_pool_add_set(ours, descriptors_set()) == 0)
        while (wire_next(&status, &field))
            if (field.number == STATUS_DETAILS && field.type == WIRE_BYTES)
                say_one(s, pool, ours, field.bytes);
    pb_pool_free(ours);
}
