#include <errno.h>

#include "connect_internal.h"
#include "details.h"
#include "error_json.h"
#include "json_codec.h"

/* Protobuf, as it is. */
static bool copy(struct bytes coded, size_t max_bytes, struct buf **ret, struct status *why)
{
    *ret = coded.len <= max_bytes ? buf_copy(coded) : NULL;
    if (*ret != NULL)
        return true;
    *why = coded.len <= max_bytes
               ? status_no_memory()
               : json_refused(EMSGSIZE, "the request is larger than this server takes");
    return false;
}

bool connect_decode(const struct dialect_call *d, struct bytes coded, size_t max_bytes,
                    struct buf **ret, struct status *why)
{
    const struct connect *c = connect_of(d);
    const struct json_reading how = { .ignore_unknown = true, .max_bytes = max_bytes };
    if (c->message != NULL)
        coded = buf_bytes(c->message);
    if (!c->json)
        return copy(coded, max_bytes, ret, why);
    *ret = buf_new(coded.len / 2 + 16);
    if (*ret == NULL) {
        *why = status_no_memory();
        return false;
    }
    if (json_decode(connect_api(d)->pool, c->types->input, coded, &how, *ret, why))
        return true;
    buf_unref(*ret);
    return false;
}

bool connect_encode(const struct dialect_call *d, struct bytes message, struct buf *to)
{
    struct connect *c = connect_of(d);
    if (!c->json)
        return buf_append(to, message);
    const int rv = json_encode(connect_api(d)->pool, c->types->output, message, to);
    c->unsayable |= rv == EINVAL;
    return rv != ENOMEM;
}

struct status connect_end_of(const struct dialect_call *d, const struct status *status)
{
    return connect_of(d)->unsayable && status->code == STATUS_OK ? json_unsayable() : *status;
}

void connect_put_error(const struct dialect_call *d, struct jsonout *o, const struct status *status)
{
    uint8_t room[DETAILS_MAX_BYTES];
    connect_error_json(o, connect_api(d)->pool, status, details_of(d, room));
}
