#include "rules.h"

#include <assert.h>
#include <inttypes.h>

#include "nesting.h"
#include "wire.h"

/* What the message says of the fields that have rules: as protobuf decodes it,
 * the last one counts. */
struct said {
    struct bytes text;
    uint64_t number;
};

static bool fits(const struct field_rule *r, const struct wire_field *f)
{
    return f->number == r->number && f->type == (r->kind == RULE_LENGTH ? WIRE_BYTES : WIRE_VARINT);
}

/* false: it is not made of fields to its end. */
static bool hear(const struct message_rules *rules, struct bytes message, struct said *said)
{
    struct wire_field f;
    while (wire_next(&message, &f))
        for (size_t i = 0; i < rules->nfields; i++)
            if (fits(&rules->fields[i], &f))
                said[i] = (struct said){ f.bytes, f.varint };
    return message.len == 0;
}

/* Both are not left to protobuf-c: it decodes what ends the process, and what is no
 * message (wire_bad_text() tells). */
static bool check_form(const struct message_rules *rules, struct bytes message, struct said *said,
                       struct status *why)
{
    const enum nesting nesting = nesting_check(rules->type, message);
    if (nesting == NESTING_TOO_DEEP) {
        *why = status_of(STATUS_INVALID_ARGUMENT, "a %s has " NESTING_TOO_DEEP_TEXT,
                         rules->type->name);
        status_because(why, "MESSAGE_TOO_DEEP");
        return false;
    }
    if (nesting == NESTING_FINE && hear(rules, message, said))
        return true;
    *why = status_of(STATUS_INVALID_ARGUMENT, "the bytes are not a valid %s", rules->type->name);
    status_because(why, "INVALID_MESSAGE");
    return false;
}

static bool check_length(const struct field_rule *r, const char *name, struct bytes text,
                         struct status *why)
{
    if (text.len < r->min)
        *why = status_invalid(name, "FIELD_EMPTY", "%s is empty", name);
    else if (text.len > r->max)
        *why =
            status_invalid(name, "FIELD_TOO_LONG", "%s has %zu bytes, and at most %zu are allowed",
                           name, text.len, r->max);
    return text.len >= r->min && text.len <= r->max;
}

static bool check_number(const ProtobufCFieldDescriptor *d, uint64_t varint, struct status *why)
{
    const int64_t number =
        d->type == PROTOBUF_C_TYPE_INT32 ? (int32_t)varint : (int64_t)varint; /* cut to its size */
    if (number < 0)
        *why =
            status_invalid(d->name, "FIELD_NEGATIVE", "%s is negative: %" PRId64, d->name, number);
    return number >= 0;
}

static bool check_field(const struct message_rules *rules, const struct field_rule *r,
                        const struct said *said, struct status *why)
{
    const ProtobufCFieldDescriptor *d =
        protobuf_c_message_descriptor_get_field(rules->type, r->number);
    return r->kind == RULE_LENGTH ? check_length(r, d->name, said->text, why)
                                  : check_number(d, said->number, why);
}

bool rules_check(const struct message_rules *rules, struct bytes message, struct status *why)
{
    struct said said[RULES_MAX] = { 0 };
    assert(rules->nfields <= RULES_MAX);
    if (!check_form(rules, message, said, why))
        return false;
    const char *bad = wire_bad_text(rules->type, message);
    if (bad != NULL) {
        *why =
            status_invalid(bad, "FIELD_NOT_TEXT", "%s is not valid text: UTF-8 without NUL", bad);
        return false;
    }
    for (size_t i = 0; i < rules->nfields; i++)
        if (!check_field(rules, &rules->fields[i], &said[i], why))
            return false;
    return true;
}
