/* Messages that JSON has a form of its own for: written by the numbers that their
 * fields have in google/protobuf/, whatever a pool says of them. */
#include <errno.h>

#include "known.h"
#include "parse_internal.h"
#include "time_text.h"

/* A number that is not 0. */
static int write_number(struct parser *p, uint32_t number, int64_t value)
{
    const struct number_or_bytes v = { .raw = (uint64_t)value };
    return value != 0 ? write_field(p, number, WIRE_VARINT, v) : 0;
}

static int write_text(struct parser *p, uint32_t number, struct bytes text)
{
    return write_field(p, number, WIRE_BYTES, (struct number_or_bytes){ .bytes = text });
}

/* --- Times -------------------------------------------------------------------------- */

static int parse_time(struct parser *p, enum pb_known known, const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    struct bytes text = { 0 };
    int64_t seconds = 0;
    int32_t nanos = 0;
    int rv = take_text(p, at, &text);
    if (rv != 0)
        return rv;
    const bool is_time = known == PB_TIMESTAMP;
    if (is_time ? !time_text_read(text, &seconds, &nanos)
                : !duration_text_read(text, &seconds, &nanos))
        return place_refuse(p->error, at, "%s is no %s", place_quote(quote, text),
                            is_time ? "time" : "duration");
    rv = write_number(p, TIME_SECONDS, seconds);
    return rv != 0 ? rv : write_number(p, TIME_NANOS, nanos);
}

/* --- Field masks -------------------------------------------------------------------- */

/* "createTime" is "create_time". The room has twice as much as the path. */
static bool read_path(struct bytes path, char *to, size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++) {
        const char c = (char)path.data[i];
        const bool capital = c >= 'A' && c <= 'Z';
        if (!capital && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.')
            return false;
        if (capital)
            to[n++] = '_';
        to[n++] = (char)(capital ? c - 'A' + 'a' : c);
    }
    *ret_len = n;
    return path.len > 0;
}

static int parse_mask(struct parser *p, const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    struct bytes text = { 0 };
    char *room;
    size_t len;
    int rv = take_text(p, at, &text);
    if (rv == 0)
        rv = scratch_push(&p->scratch, 2 * text.len, &room);
    for (size_t from = 0; rv == 0 && text.len > 0 && from <= text.len;) {
        const uint8_t *begin = text.data + from;
        const uint8_t *comma = from < text.len ? memchr(begin, ',', text.len - from) : NULL;
        const size_t n = comma != NULL ? (size_t)(comma - begin) : text.len - from;
        if (!read_path(bytes_of(begin, n), room, &len))
            return place_refuse(p->error, at, "%s is no field mask", place_quote(quote, text));
        rv = write_text(p, MASK_PATHS, bytes_of(room, len));
        from += n + 1;
    }
    return rv;
}

/* --- Wrappers ----------------------------------------------------------------------- */

static int parse_wrapper(struct parser *p, enum pb_type wrapped, const struct place *at)
{
    struct number_or_bytes v;
    const int rv = take_scalar(p, wrapped, NULL, at, &v);
    if (rv != 0 || (v.raw == 0 && v.bytes.len == 0))
        return rv;
    return write_field(p, WRAPPER_VALUE, pb_wire_of(wrapped), v);
}

/* --- Any JSON ----------------------------------------------------------------------- */

static int parse_struct_member(struct parser *p, const struct place *up)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct place at = { .up = up, .kind = PLACE_KEY };
    size_t entry, value;
    int rv = take_key(p, &at.name);
    if (rv == 0)
        rv = write_begin(p, STRUCT_FIELDS, &entry);
    if (rv == 0)
        rv = write_text(p, ENTRY_KEY, at.name);
    if (rv == 0)
        rv = write_begin(p, ENTRY_VALUE, &value);
    if (rv == 0)
        rv = parse_value(p, &at);
    if (rv == 0)
        rv = write_end(p, value);
    if (rv == 0)
        rv = write_end(p, entry);
    scratch_release(&p->scratch, mark);
    return rv;
}

static int parse_struct(struct parser *p, const struct place *at)
{
    const size_t from = p->out->len;
    bool first = true;
    int rv = enter(p, '{', at);
    if (rv != 0)
        return rv;
    while (rv == 0 && jsonin_more(&p->in, '}', &first))
        rv = parse_struct_member(p, at);
    leave(p);
    if (rv == 0 && p->in.wrong != NULL)
        rv = refuse_json(p);
    return rv == 0 ? write_check_keys(p, from, STRUCT_FIELDS, at) : rv;
}

static int parse_list_value(struct parser *p, const struct place *at)
{
    struct place item = { .up = at, .kind = PLACE_INDEX };
    bool first = true;
    size_t begin;
    int rv = enter(p, '[', at);
    if (rv != 0)
        return rv;
    for (; rv == 0 && jsonin_more(&p->in, ']', &first); item.index++) {
        rv = write_begin(p, LIST_VALUES, &begin);
        if (rv == 0)
            rv = parse_value(p, &item);
        if (rv == 0)
            rv = write_end(p, begin);
    }
    leave(p);
    return rv == 0 && p->in.wrong != NULL ? refuse_json(p) : rv;
}

static int parse_value_scalar(struct parser *p, enum json_kind kind, const struct place *at)
{
    static const struct {
        uint32_t number;
        enum pb_type type;
        enum wire_type wire;
    } rows[] = {
        [JSON_TEXT] = { VALUE_STRING, PB_STRING, WIRE_BYTES },
        [JSON_NUMBER] = { VALUE_NUMBER, PB_DOUBLE, WIRE_64 },
        [JSON_BOOL] = { VALUE_BOOL, PB_BOOL, WIRE_VARINT },
    };
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct number_or_bytes v;
    int rv = take_scalar(p, rows[kind].type, NULL, at, &v);
    if (rv == 0)
        rv = write_field(p, rows[kind].number, rows[kind].wire, v);
    scratch_release(&p->scratch, mark);
    return rv;
}

int parse_value(struct parser *p, const struct place *at)
{
    const enum json_kind kind = jsonin_peek(&p->in);
    size_t begin;
    int rv;
    switch (kind) {
    case JSON_NULL:
        if (!jsonin_null(&p->in))
            return refuse_json(p);
        return write_field(p, VALUE_NULL, WIRE_VARINT, (struct number_or_bytes){ 0 });
    case JSON_OBJECT:
    case JSON_LIST:
        rv = write_begin(p, kind == JSON_OBJECT ? VALUE_STRUCT : VALUE_LIST, &begin);
        if (rv == 0)
            rv = kind == JSON_OBJECT ? parse_struct(p, at) : parse_list_value(p, at);
        return rv == 0 ? write_end(p, begin) : rv;
    case JSON_NONE:
        return refuse_json(p);
    default:
        return parse_value_scalar(p, kind, at);
    }
}

/* --- Any message -------------------------------------------------------------------- */

/* Looks for "@type" among the members, which may come in any order, and goes back. A
 * text of no data: it is not there. */
static int find_type(struct parser *p, const struct place *at, struct bytes *ret, bool *ret_empty)
{
    const uint8_t *back = p->in.at;
    bool first = true;
    int rv = 0;
    *ret = (struct bytes){ 0 };
    *ret_empty = true;
    while (rv == 0 && jsonin_more(&p->in, '}', &first)) {
        struct bytes key = { 0 };
        *ret_empty = false;
        rv = take_key(p, &key);
        const bool is_type = rv == 0 && bytes_equal(key, bytes_of_text("@type"));
        if (is_type && ret->data != NULL)
            rv = place_refuse(p->error, at, "the key \"@type\" comes twice");
        else if (is_type)
            rv = take_text(p, at, ret);
        else if (rv == 0 && !jsonin_skip(&p->in, p->left))
            rv = refuse_json(p);
    }
    if (rv == 0 && p->in.wrong != NULL)
        rv = refuse_json(p);
    p->in.at = back;
    return rv;
}

/* {"@type": …, "value": …}, of a type that has a form of its own. */
static int parse_any_value(struct parser *p, const struct pb_message *type, const struct place *at)
{
    bool first = true, any = false;
    int rv = 0;
    while (rv == 0 && jsonin_more(&p->in, '}', &first)) {
        struct bytes key = { 0 };
        rv = take_key(p, &key);
        if (rv != 0)
            return rv;
        const struct place value = { .up = at, .kind = PLACE_FIELD, .name = key };
        if (bytes_equal(key, bytes_of_text("@type"))) {
            rv = jsonin_skip(&p->in, 0) ? 0 : refuse_json(p);
        } else if (!bytes_equal(key, bytes_of_text("value"))) {
            rv = parse_unknown(p, key, type->full_name, at);
        } else {
            rv = any ? place_refuse(p->error, &value, "the key comes twice")
                     : parse_message(p, type, &value);
            any = true;
        }
    }
    if (rv == 0 && p->in.wrong != NULL)
        return refuse_json(p);
    if (rv == 0 && !any && type->known != PB_EMPTY)
        return place_refuse(p->error, at, "\"value\" is missing");
    return rv;
}

static int parse_any_members(struct parser *p, struct bytes type_url, const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    const struct pb_message *type = pb_find_by_url(p->pool, type_url);
    const size_t before = p->out->len;
    size_t begin;
    if (type == NULL)
        return place_refuse(p->error, at, "nothing describes the type of the Any, %s",
                            place_quote(quote, type_url));
    int rv = write_begin(p, ANY_VALUE, &begin);
    if (rv == 0)
        rv = type->known == PB_PLAIN ? parse_members(p, type, true, at)
                                     : parse_any_value(p, type, at);
    if (rv != 0)
        return rv;
    if (p->out->len > begin)
        return write_end(p, begin);
    p->out->len = before;
    return 0;
}

static int parse_any(struct parser *p, const struct place *at)
{
    struct bytes type_url;
    bool empty, first = true;
    int rv = enter(p, '{', at);
    if (rv != 0)
        return rv;
    rv = find_type(p, at, &type_url, &empty);
    if (rv == 0 && empty)
        jsonin_more(&p->in, '}', &first);
    else if (rv == 0 && type_url.data == NULL)
        rv = place_refuse(p->error, at, "\"@type\" is missing");
    else if (rv == 0) {
        rv = write_text(p, ANY_TYPE_URL, type_url);
        if (rv == 0)
            rv = parse_any_members(p, type_url, at);
    }
    leave(p);
    return rv;
}

static int parse_empty(struct parser *p, const struct pb_message *type, const struct place *at)
{
    bool first = true;
    struct bytes key = { 0 };
    int rv = enter(p, '{', at);
    if (rv != 0)
        return rv;
    while (rv == 0 && jsonin_more(&p->in, '}', &first)) {
        rv = take_key(p, &key);
        if (rv == 0)
            rv = parse_unknown(p, key, type->full_name, at);
    }
    leave(p);
    return rv == 0 && p->in.wrong != NULL ? refuse_json(p) : rv;
}

int parse_known(struct parser *p, const struct pb_message *type, const struct place *at)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    int rv = 0;
    switch (type->known) {
    case PB_ANY:
        rv = parse_any(p, at);
        break;
    case PB_TIMESTAMP:
    case PB_DURATION:
        rv = parse_time(p, type->known, at);
        break;
    case PB_FIELD_MASK:
        rv = parse_mask(p, at);
        break;
    case PB_STRUCT:
        rv = parse_struct(p, at);
        break;
    case PB_VALUE:
        rv = parse_value(p, at);
        break;
    case PB_LIST_VALUE:
        rv = parse_list_value(p, at);
        break;
    case PB_WRAPPER:
        rv = parse_wrapper(p, type->wrapped, at);
        break;
    case PB_EMPTY:
        rv = parse_empty(p, type, at);
        break;
    case PB_PLAIN:
        break;
    }
    scratch_release(&p->scratch, mark);
    return rv;
}
