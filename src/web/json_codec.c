#include "json_codec.h"

#include <errno.h>

#include "base/log.h"

int json_encode(const struct pb_pool *pool, const struct pb_message *type, struct bytes message,
                struct buf *to)
{
    char why[PBJSON_ERROR_BYTES];
    const int rv = pbjson_print(to, pool, type, message, NULL, why);
    if (rv == 0 || rv == ENOMEM)
        return rv;
    log_error("a %.*s cannot be said in JSON: %s", (int)type->full_name.len,
              (const char *)type->full_name.data, why);
    return EINVAL;
}

struct status json_unsayable(void)
{
    struct status s = status_of(STATUS_INTERNAL, "the answer has something that JSON cannot say; "
                                                 "ask for it in protobuf");
    return *status_because(&s, "NOT_JSON");
}

struct status json_refused(int rv, const char *text)
{
    struct status s = rv == ENOMEM ? status_no_memory()
                                   : status_of(rv == EMSGSIZE ? STATUS_RESOURCE_EXHAUSTED
                                                              : STATUS_INVALID_ARGUMENT,
                                               "%s", text);
    if (rv == EMSGSIZE)
        status_because(&s, REASON_MESSAGE_TOO_LARGE);
    else if (rv != ENOMEM)
        status_because(&s, "INVALID_JSON");
    return s;
}

static struct pbjson_parse options_of(const struct json_reading *how)
{
    return (struct pbjson_parse){ .ignore_unknown = how->ignore_unknown,
                                  .max_depth = JSON_MAX_DEPTH,
                                  .max_bytes = how->max_bytes };
}

/* @rest: what was not read. */
static bool end_decode(int rv, const char *error, struct bytes rest, struct status *why)
{
    if (rv == 0 && rest.len == 0)
        return true;
    *why = rv != 0 ? json_refused(rv, error)
                   : json_refused(EINVAL, "something follows the value that a request is");
    return false;
}

bool json_decode(const struct pb_pool *pool, const struct pb_message *type, struct bytes text,
                 const struct json_reading *how, struct buf *to, struct status *why)
{
    const struct pbjson_parse options = options_of(how);
    char error[PBJSON_ERROR_BYTES];
    const int rv = pbjson_parse(to, pool, type, &text, &options, error);
    return end_decode(rv, error, text, why);
}

bool json_decode_field(const struct pb_pool *pool, const struct pb_field *f, struct bytes text,
                       const struct json_reading *how, struct buf *to, struct status *why)
{
    const struct pbjson_parse options = options_of(how);
    char error[PBJSON_ERROR_BYTES];
    const int rv = pbjson_parse_field(to, pool, f, &text, &options, error);
    return end_decode(rv, error, text, why);
}
