#include "rules.h"

#include <assert.h>
#include <inttypes.h>

#include "base/nesting.h"
#include "base/wire.h"

static enum rules_result no_message(const struct message_rules *rules, struct status *why)
{
    *why = status_of(STATUS_INVALID_ARGUMENT, "the bytes are not a valid %s", rules->type->name);
    status_because(why, "INVALID_MESSAGE");
    return RULES_NO_MESSAGE;
}

static enum rules_result bad_text(const char *name, struct status *why)
{
    *why = status_invalid(name, "FIELD_NOT_TEXT", "%s is not valid text: UTF-8 without NUL", name);
    return RULES_BROKEN;
}

/* Not left to protobuf-c, which decodes what ends the process. */
static enum rules_result too_deep(const struct message_rules *rules, struct status *why)
{
    *why = status_of(STATUS_INVALID_ARGUMENT, "a %s has " NESTING_TOO_DEEP_TEXT, rules->type->name);
    status_because(why, "MESSAGE_TOO_DEEP");
    return RULES_NO_MESSAGE;
}

static size_t rule_of(const struct message_rules *rules, uint32_t number)
{
    size_t i = 0;
    while (i < rules->nfields && rules->fields[i].number != number)
        i++;
    return i;
}

static const char *name_of(const struct message_rules *rules, const struct field_rule *r)
{
    return protobuf_c_message_descriptor_get_field(rules->type, r->number)->name;
}

/* A field without a rule may still be a string. protobuf-c decodes no message in
 * which a field it knows is of another type. false: so it is here. */
static bool hear_field(const struct message_rules *rules, const struct wire_field *f,
                       struct said *said, const char **bad)
{
    const size_t i = rule_of(rules, f->number);
    const struct field_rule *r = &rules->fields[i];
    if (i == rules->nfields) {
        if (*bad == NULL)
            *bad = wire_bad_field(rules->type, f);
        return true;
    }
    if (f->type != (r->kind == RULE_LENGTH ? WIRE_BYTES : WIRE_VARINT))
        return false;
    if (*bad == NULL && r->kind == RULE_LENGTH && !wire_is_text(f->bytes))
        *bad = name_of(rules, r);
    said[i] = (struct said){ f->bytes, f->varint };
    return true;
}

static bool fail_length(const struct field_rule *r, const char *name, size_t len,
                        struct status *why)
{
    if (len < r->min)
        *why = status_invalid(name, "FIELD_EMPTY", "%s is empty", name);
    else
        *why = status_invalid(name, "FIELD_TOO_LONG",
                              "%s has %zu bytes, and at most %zu are allowed", name, len, r->max);
    return false;
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

/* The descriptor is only looked up for what is seldom: most numbers are no
 * negative ones, however wide they are. */
static bool check_field(const struct message_rules *rules, const struct field_rule *r,
                        const struct said *said, struct status *why)
{
    if (r->kind == RULE_LENGTH)
        return (said->text.len >= r->min && said->text.len <= r->max) ||
               fail_length(r, name_of(rules, r), said->text.len, why);
    return r->kind == RULE_BOOL || said->number <= INT32_MAX ||
           check_number(protobuf_c_message_descriptor_get_field(rules->type, r->number),
                        said->number, why);
}

/* That the bytes are fields to their end is not left to protobuf-c, which decodes
 * some that are not: see wire_bad_text(). */
enum rules_result rules_read(const struct message_rules *rules, struct bytes message,
                             struct said said[RULES_MAX], struct status *why)
{
    struct wire_field f;
    const char *bad = NULL;
    assert(rules->nfields <= RULES_MAX);
    memset(said, 0, rules->nfields * sizeof *said);
    switch (nesting_check(rules->type, message)) {
    case NESTING_TOO_DEEP:
        return too_deep(rules, why);
    case NESTING_DAMAGED:
        return no_message(rules, why);
    default:
        break;
    }
    while (wire_next(&message, &f))
        if (!hear_field(rules, &f, said, &bad))
            return no_message(rules, why);
    if (message.len > 0)
        return no_message(rules, why);
    if (bad != NULL)
        return bad_text(bad, why);
    for (size_t i = 0; i < rules->nfields; i++)
        if (!check_field(rules, &rules->fields[i], &said[i], why))
            return RULES_BROKEN;
    return RULES_KEPT;
}

bool rules_check(const struct message_rules *rules, struct bytes message, struct status *why)
{
    struct said said[RULES_MAX];
    return rules_read(rules, message, said, why) == RULES_KEPT;
}
