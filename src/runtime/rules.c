#include "rules.h"

#include <inttypes.h>

#include "wire.h"

/* As protobuf decodes it: the last one counts, an int32 is cut to its size. */
static int64_t number_of(struct bytes message, const ProtobufCFieldDescriptor *d)
{
    struct wire_field f;
    int64_t number = 0;
    while (wire_next(&message, &f))
        if (f.number == d->id && f.type == WIRE_VARINT)
            number = d->type == PROTOBUF_C_TYPE_INT32 ? (int32_t)f.varint : (int64_t)f.varint;
    return number;
}

static bool check_length(const struct field_rule *r, const char *name, struct bytes message,
                         struct status *why)
{
    const struct bytes text = wire_find(message, r->number);
    if (text.len < r->min)
        *why = status_invalid(name, "FIELD_EMPTY", "%s is empty", name);
    else if (text.len > r->max)
        *why =
            status_invalid(name, "FIELD_TOO_LONG", "%s has %zu bytes, and at most %zu are allowed",
                           name, text.len, r->max);
    return text.len >= r->min && text.len <= r->max;
}

static bool check_number(const ProtobufCFieldDescriptor *d, struct bytes message,
                         struct status *why)
{
    const int64_t number = number_of(message, d);
    if (number < 0)
        *why =
            status_invalid(d->name, "FIELD_NEGATIVE", "%s is negative: %" PRId64, d->name, number);
    return number >= 0;
}

static bool check_field(const struct message_rules *rules, const struct field_rule *r,
                        struct bytes message, struct status *why)
{
    const ProtobufCFieldDescriptor *d =
        protobuf_c_message_descriptor_get_field(rules->type, r->number);
    return r->kind == RULE_LENGTH ? check_length(r, d->name, message, why)
                                  : check_number(d, message, why);
}

static bool is_message(struct bytes bytes)
{
    struct wire_field f;
    while (wire_next(&bytes, &f))
        ;
    return bytes.len == 0;
}

bool rules_check(const struct message_rules *rules, struct bytes message, struct status *why)
{
    if (!is_message(message)) {
        /* Not left to protobuf-c, which decodes some that are none: see
         * wire_bad_text(). */
        *why =
            status_of(STATUS_INVALID_ARGUMENT, "the bytes are not a valid %s", rules->type->name);
        status_because(why, "INVALID_MESSAGE");
        return false;
    }
    const char *bad = wire_bad_text(rules->type, message);
    if (bad != NULL) {
        *why =
            status_invalid(bad, "FIELD_NOT_TEXT", "%s is not valid text: UTF-8 without NUL", bad);
        return false;
    }
    for (size_t i = 0; i < rules->nfields; i++)
        if (!check_field(rules, &rules->fields[i], message, why))
            return false;
    return true;
}
