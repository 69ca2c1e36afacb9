/* Messages that JSON has a form of its own for. Their bytes are read by the numbers
 * that their fields have in google/protobuf/, whatever a pool says of them. */
#include <errno.h>
#include <math.h>

#include "base/utf8.h"
#include "known.h"
#include "number.h"
#include "print_internal.h"
#include "time_text.h"

/* The end of a walk: whether there was a message to its end. */
static int over(struct printer *p, const struct walk *w, const struct place *at)
{
    return w->bad ? refuse_damaged(p, w->rest, at) : 0;
}

/* --- Times -------------------------------------------------------------------------- */

static int print_time(struct printer *p, enum pb_known known, const struct parts *parts,
                      const struct place *at)
{
    char text[TIME_TEXT_BYTES];
    int64_t seconds = 0, nanos = 0;
    struct walk w;
    walk_begin(&w, parts);
    while (walk_next(&w)) {
        if (w.field.type == WIRE_VARINT && w.field.number == TIME_SECONDS)
            seconds = (int64_t)w.value.raw;
        else if (w.field.type == WIRE_VARINT && w.field.number == TIME_NANOS)
            nanos = (int32_t)w.value.raw;
    }
    const bool is_time = known == PB_TIMESTAMP;
    const size_t n =
        is_time ? time_text_put(text, seconds, nanos) : duration_text_put(text, seconds, nanos);
    if (n == 0)
        return place_refuse(p->error, at,
                            is_time ? "the time is not within the years 1 to 9999"
                                    : "the duration is out of range");
    jsonout_text(&p->out, bytes_of(text, n));
    return over(p, &w, at);
}

/* --- Field masks -------------------------------------------------------------------- */

/* "create_time" is "createTime"; what would not be read back as itself is refused. */
static bool print_path(struct jsonout *o, struct bytes path)
{
    bool upper = false;
    for (size_t i = 0; i < path.len; i++) {
        const uint8_t c = path.data[i];
        const bool small = c >= 'a' && c <= 'z';
        const uint8_t shown = upper ? (uint8_t)(c - 'a' + 'A') : c;
        if ((upper && !small) || (!small && c != '_' && c != '.' && !(c >= '0' && c <= '9')))
            return false;
        upper = c == '_';
        if (!upper)
            jsonout_put(o, bytes_of(&shown, 1));
    }
    return path.len > 0 && !upper;
}

static int print_mask(struct printer *p, const struct parts *parts, const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    bool first = true;
    struct walk w;
    jsonout_literal(&p->out, "\"");
    walk_begin(&w, parts);
    while (walk_next(&w)) {
        if (w.field.number != MASK_PATHS || w.field.type != WIRE_BYTES)
            continue;
        if (!first)
            jsonout_literal(&p->out, ",");
        first = false;
        if (!print_path(&p->out, w.value.bytes))
            return place_refuse(p->error, at, "JSON cannot say the path %s of a field mask",
                                place_quote(quote, w.value.bytes));
    }
    jsonout_literal(&p->out, "\"");
    return over(p, &w, at);
}

/* --- Wrappers ----------------------------------------------------------------------- */

static int print_wrapper(struct printer *p, enum pb_type wrapped, const struct parts *parts,
                         const struct place *at)
{
    struct value v = { 0 };
    struct walk w;
    walk_begin(&w, parts);
    while (walk_next(&w))
        if (w.field.number == WRAPPER_VALUE && w.field.type == pb_wire_of(wrapped))
            v = w.value;
    const int rv = over(p, &w, at);
    return rv != 0 ? rv : print_scalar(p, wrapped, NULL, v, at);
}

/* --- Any JSON ----------------------------------------------------------------------- */

/* A message that a Struct or a Value is made of. */
static int go_down(struct printer *p, enum pb_known known, const struct parts *parts,
                   const struct place *at)
{
    if (p->left == 0)
        return place_refuse(p->error, at, "messages too deep in one another");
    p->left--;
    const int rv = print_known(p, known, 0, parts, at);
    p->left++;
    return rv;
}

static int print_list_value(struct printer *p, const struct parts *parts, const struct place *at)
{
    struct place item = { .up = at, .kind = PLACE_INDEX };
    struct walk w;
    int rv = 0;
    jsonout_begin(&p->out, '[');
    walk_begin(&w, parts);
    while (rv == 0 && walk_next(&w)) {
        const struct parts one = { .one = w.value.bytes };
        if (w.field.number != LIST_VALUES || w.field.type != WIRE_BYTES)
            continue;
        jsonout_next(&p->out);
        rv = p->out.rv != 0 ? p->out.rv : go_down(p, PB_VALUE, &one, &item);
        item.index++;
    }
    jsonout_end(&p->out, ']');
    return rv != 0 ? rv : over(p, &w, at);
}

static bool is_value_kind(const struct wire_field *f)
{
    static const enum wire_type types[] = {
        [VALUE_NULL] = WIRE_VARINT, [VALUE_NUMBER] = WIRE_64,    [VALUE_STRING] = WIRE_BYTES,
        [VALUE_BOOL] = WIRE_VARINT, [VALUE_STRUCT] = WIRE_BYTES, [VALUE_LIST] = WIRE_BYTES,
    };
    return f->number >= VALUE_NULL && f->number <= VALUE_LIST && f->type == types[f->number];
}

/* The kind that came last, 0 for none, and all parts of it since it is that. */
static int read_value(struct printer *p, const struct parts *parts, const struct place *at,
                      uint32_t *ret_kind, struct value *ret, struct parts *ret_parts)
{
    struct walk w;
    int rv = 0;
    *ret_kind = 0;
    *ret = (struct value){ 0 };
    *ret_parts = (struct parts){ .n = 0 };
    walk_begin(&w, parts);
    while (rv == 0 && walk_next(&w)) {
        if (!is_value_kind(&w.field))
            continue;
        if (w.field.number != *ret_kind)
            ret_parts->n = 0;
        *ret_kind = w.field.number;
        *ret = w.value;
        if (w.field.type == WIRE_BYTES)
            rv = parts_add(p, ret_parts, w.value.bytes);
    }
    return rv != 0 ? rv : over(p, &w, at);
}

static int print_finite(struct printer *p, struct value v, const struct place *at)
{
    double number;
    memcpy(&number, &v.raw, sizeof number);
    if (!isfinite(number))
        return place_refuse(p->error, at, "JSON has no number that is infinite, or none");
    return print_scalar(p, PB_DOUBLE, NULL, v, at);
}

static int print_value(struct printer *p, const struct parts *parts, const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct parts inner;
    struct value v;
    uint32_t kind;
    int rv = read_value(p, parts, at, &kind, &v, &inner);
    if (rv != 0)
        return rv;
    switch (kind) {
    case VALUE_NUMBER:
        rv = print_finite(p, v, at);
        break;
    case VALUE_STRING:
        rv = print_scalar(p, PB_STRING, NULL, v, at);
        break;
    case VALUE_BOOL:
        rv = print_scalar(p, PB_BOOL, NULL, v, at);
        break;
    case VALUE_STRUCT:
        rv = go_down(p, PB_STRUCT, &inner, at);
        break;
    case VALUE_LIST:
        rv = go_down(p, PB_LIST_VALUE, &inner, at);
        break;
    default:
        jsonout_literal(&p->out, "null");
    }
    scratch_release(&p->scratch, mark);
    return rv;
}

/* --- Any message -------------------------------------------------------------------- */

static int print_any_members(struct printer *p, struct bytes type_url, struct bytes value,
                             const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    const struct parts parts = { .one = value };
    const struct pb_message *type = pb_find_by_url(p->pool, type_url);
    if (type == NULL || !utf8_valid(type_url))
        return place_refuse(p->error, at, "nothing describes the type of the Any, %s",
                            place_quote(quote, type_url));
    jsonout_key(&p->out, bytes_of_text("@type"));
    jsonout_text(&p->out, type_url);
    if (type->known == PB_PLAIN)
        return print_members(p, type, &parts, at);
    if (type->known == PB_EMPTY)
        return 0;
    jsonout_key(&p->out, bytes_of_text("value"));
    return print_message(p, type, &parts, at);
}

static int print_any(struct printer *p, const struct parts *parts, const struct place *at)
{
    struct bytes type_url = { 0 }, value = { 0 };
    struct walk w;
    walk_begin(&w, parts);
    while (walk_next(&w)) {
        if (w.field.type == WIRE_BYTES && w.field.number == ANY_TYPE_URL)
            type_url = w.value.bytes;
        else if (w.field.type == WIRE_BYTES && w.field.number == ANY_VALUE)
            value = w.value.bytes;
    }
    int rv = over(p, &w, at);
    jsonout_begin(&p->out, '{');
    if (rv == 0 && type_url.len + value.len > 0)
        rv = print_any_members(p, type_url, value, at);
    jsonout_end(&p->out, '}');
    return rv;
}

int print_known(struct printer *p, enum pb_known known, enum pb_type wrapped,
                const struct parts *parts, const struct place *at)
{
    switch (known) {
    case PB_ANY:
        return print_any(p, parts, at);
    case PB_TIMESTAMP:
    case PB_DURATION:
        return print_time(p, known, parts, at);
    case PB_FIELD_MASK:
        return print_mask(p, parts, at);
    case PB_STRUCT:
        return print_struct(p, parts, at);
    case PB_VALUE:
        return print_value(p, parts, at);
    case PB_LIST_VALUE:
        return print_list_value(p, parts, at);
    case PB_WRAPPER:
        return print_wrapper(p, wrapped, parts, at);
    default:
        return 0;
    }
}
