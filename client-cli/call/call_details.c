#include "call_details.h"

#include "base/wire.h"
#include "pbjson/pbjson.h"
#include "serverkit/reflection/descriptors.h"

#define POOL_BYTES ((size_t)8 << 20) /* ours takes a fraction of that */
#define JSON_BYTES ((size_t)64 << 10)

/* Numbers of fields of google.rpc.Status and google.protobuf.Any. */
enum { STATUS_DETAILS = 3, ANY_TYPE_URL = 1, ANY_VALUE = 2 };

/* false: the pool does not know the type, or it is no such message. */
static bool say_known(struct session *s, const struct pb_pool *pool, struct bytes url,
                      struct bytes value)
{
    const struct pbjson_print options = { .max_bytes = JSON_BYTES };
    const struct pb_message *type = pool != NULL ? pb_find_by_url(pool, url) : NULL;
    char error[PBJSON_ERROR_BYTES];
    struct buf *b = type != NULL ? buf_new(256) : NULL;
    const bool known = b != NULL && pbjson_print(b, pool, type, value, &options, error) == 0;
    if (known)
        session_say(s, "detail %.*s %.*s", (int)type->full_name.len,
                    (const char *)type->full_name.data, (int)b->len, (const char *)b->data);
    buf_unref(b);
    return known;
}

static void say_one(struct session *s, const struct pb_pool *pool, const struct pb_pool *ours,
                    struct bytes any)
{
    const struct bytes url = wire_find(any, ANY_TYPE_URL), value = wire_find(any, ANY_VALUE);
    if (!say_known(s, pool, url, value) && !say_known(s, ours, url, value))
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
