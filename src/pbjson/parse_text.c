#include <errno.h>
#include <float.h>
#include <inttypes.h>

#include "base/base64.h"
#include "number.h"
#include "parse_internal.h"

/* --- Reasons ------------------------------------------------------------------------ */

int refuse_json(struct parser *p)
{
    size_t line = 1, column = 1;
    for (const uint8_t *c = p->in.begin; c < p->in.at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return place_refuse(p->error, NULL, "line %zu, column %zu: %s", line, column,
                        p->in.wrong != NULL ? p->in.wrong : "a value is missing");
}

static int refuse_kind(struct parser *p, const char *wanted, const struct place *at)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_LIST] = "a list",        [JSON_TEXT] = "a text",
        [JSON_NUMBER] = "a number",  [JSON_BOOL] = "true or false", [JSON_NULL] = "null",
    };
    const enum json_kind kind = jsonin_peek(&p->in);
    if (kind == JSON_NONE)
        return refuse_json(p);
    return place_refuse(p->error, at, "%s is wanted here, not %s", wanted, names[kind]);
}

static int refuse_text(struct parser *p, struct bytes text, const char *what,
                       const struct place *at)
{
    char quote[PLACE_QUOTE_BYTES];
    return place_refuse(p->error, at, "%s %s", place_quote(quote, text), what);
}

/* --- Objects, lists and texts ------------------------------------------------------- */

int enter(struct parser *p, char open, const struct place *at)
{
    const enum json_kind wanted = open == '{' ? JSON_OBJECT : JSON_LIST;
    if (jsonin_peek(&p->in) != wanted)
        return refuse_kind(p, wanted == JSON_OBJECT ? "an object" : "a list", at);
    if (p->left == 0)
        return place_refuse(p->error, at, "objects and lists too deep in one another");
    p->left--;
    jsonin_open(&p->in);
    return 0;
}

void leave(struct parser *p)
{
    p->left++;
}

static int without_escapes(struct parser *p, struct bytes text, struct bytes *ret)
{
    uint8_t *room;
    *ret = text;
    if (text.len == 0 || memchr(text.data, '\\', text.len) == NULL)
        return 0;
    const int rv = scratch_push(&p->scratch, text.len, &room);
    if (rv == 0)
        *ret = bytes_of(room, jsonin_unescape(room, text));
    return rv;
}

int take_text(struct parser *p, const struct place *at, struct bytes *ret)
{
    struct bytes text = { 0 };
    if (jsonin_peek(&p->in) != JSON_TEXT)
        return refuse_kind(p, "a text", at);
    if (!jsonin_text(&p->in, &text))
        return refuse_json(p);
    return without_escapes(p, text, ret);
}

int take_key(struct parser *p, struct bytes *ret)
{
    struct bytes text = { 0 };
    return jsonin_key(&p->in, &text) ? without_escapes(p, text, ret) : refuse_json(p);
}

/* --- Numbers ------------------------------------------------------------------------ */

/* A number, or what stands in quotes. */
static int take_number(struct parser *p, const struct place *at, struct bytes *ret)
{
    switch (jsonin_peek(&p->in)) {
    case JSON_NUMBER:
        return jsonin_number(&p->in, ret) ? 0 : refuse_json(p);
    case JSON_TEXT:
        return take_text(p, at, ret);
    default:
        return refuse_kind(p, "a number", at);
    }
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int read_integer(enum pb_type type, struct bytes text, uint64_t *ret)
{
    int64_t value = 0;
    int rv;
    switch (type) {
    case PB_UINT32:
    case PB_FIXED32:
        return number_read_unsigned(text, UINT32_MAX, ret);
    case PB_UINT64:
    case PB_FIXED64:
        return number_read_unsigned(text, UINT64_MAX, ret);
    case PB_INT64:
    case PB_SINT64:
    case PB_SFIXED64:
        rv = number_read_signed(text, INT64_MIN, INT64_MAX, &value);
        break;
    default:
        rv = number_read_signed(text, INT32_MIN, INT32_MAX, &value);
    }
    *ret = type == PB_SINT32 || type == PB_SINT64 ? zigzag(value) : (uint64_t)value;
    return rv;
}

static int integer_of(struct parser *p, enum pb_type type, struct bytes text,
                      const struct place *at, uint64_t *ret)
{
    char quote[PLACE_QUOTE_BYTES];
    const int rv = read_integer(type, text, ret);
    if (rv == EINVAL)
        return refuse_text(p, text, "is no integer", at);
    if (rv == ERANGE)
        return place_refuse(p->error, at, "%s does not fit into %d bits%s",
                            place_quote(quote, text), pb_is_64(type) ? 64 : 32,
                            pb_is_unsigned(type) ? " without a sign" : "");
    return 0;
}

/* The bits of one that is none, or infinite, which has to be in quotes. */
static bool is_special(enum pb_type type, struct bytes text, uint64_t *ret)
{
    static const struct {
        const char *text;
        uint64_t bits;
        uint32_t bits32;
    } rows[] = {
        { "NaN", UINT64_C(0x7ff8000000000000), 0x7fc00000 },
        { "Infinity", UINT64_C(0x7ff0000000000000), 0x7f800000 },
        { "-Infinity", UINT64_C(0xfff0000000000000), 0xff800000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bytes_equal(text, bytes_of_text(rows[i].text))) {
            *ret = type == PB_FLOAT ? rows[i].bits32 : rows[i].bits;
            return true;
        }
    return false;
}

static bool read_float(enum pb_type type, const char *text, uint64_t *ret)
{
    double d;
    float f;
    uint32_t bits;
    if (type == PB_DOUBLE) {
        const bool fits = number_read_double(text, &d);
        memcpy(ret, &d, sizeof d);
        return fits;
    }
    const bool fits = number_read_float(text, &f);
    memcpy(&bits, &f, sizeof bits);
    *ret = bits;
    return fits;
}

static int take_float(struct parser *p, enum pb_type type, const struct place *at, uint64_t *ret)
{
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    const bool quoted = jsonin_peek(&p->in) == JSON_TEXT;
    struct bytes text = { 0 };
    char *copy;
    int rv = take_number(p, at, &text);
    if (rv != 0 || (quoted && is_special(type, text, ret)))
        return rv;
    if (text.len == 0 || number_length(text) != text.len)
        return refuse_text(p, text, "is no number", at);
    rv = scratch_push(&p->scratch, text.len + 1, &copy);
    if (rv != 0)
        return rv;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (!read_float(type, copy, ret))
        rv = refuse_text(p, text, "is too large", at);
    scratch_release(&p->scratch, mark);
    return rv;
}

/* --- Other scalars ------------------------------------------------------------------ */

static int take_enum(struct parser *p, const struct pb_enum *e, const struct place *at,
                     uint64_t *ret)
{
    const enum json_kind kind = jsonin_peek(&p->in);
    struct bytes text = { 0 };
    *ret = 0;
    if (kind == JSON_NULL && e->is_null)
        return jsonin_null(&p->in) ? 0 : refuse_json(p);
    if (kind != JSON_TEXT && kind != JSON_NUMBER)
        return refuse_kind(p, "a name or a number", at);
    int rv = take_number(p, at, &text);
    if (rv != 0)
        return rv;
    const struct pb_enum_value *value = kind == JSON_TEXT ? pb_enum_by_name(e, text) : NULL;
    if (value != NULL) {
        *ret = (uint64_t)(int64_t)value->number;
        return 0;
    }
    if (kind == JSON_TEXT && number_length(text) != text.len)
        return refuse_text(p, text, "is no value of the enum", at);
    rv = integer_of(p, PB_INT32, text, at, ret);
    if (rv == 0 && e->closed && pb_enum_by_number(e, (int32_t)*ret) == NULL)
        return refuse_text(p, text, "is no value of the enum", at);
    return rv;
}

/* Either alphabet, but not both. */
static int take_bytes(struct parser *p, const struct place *at, struct bytes *ret)
{
    struct bytes text = { 0 };
    uint8_t *room;
    int rv = take_text(p, at, &text);
    if (rv == 0)
        rv = scratch_push(&p->scratch, base64_room(text.len), &room);
    if (rv != 0)
        return rv;
    const bool url = text.len > 0 && (memchr(text.data, '-', text.len) != NULL ||
                                      memchr(text.data, '_', text.len) != NULL);
    *ret = bytes_of(room, 0);
    if (!base64_decode(room, text, url ? BASE64_URL : BASE64_STANDARD, &ret->len))
        return refuse_text(p, text, "is no base64", at);
    return 0;
}

static int take_bool(struct parser *p, const struct place *at, uint64_t *ret)
{
    bool value;
    if (jsonin_peek(&p->in) != JSON_BOOL)
        return refuse_kind(p, "true or false", at);
    if (!jsonin_bool(&p->in, &value))
        return refuse_json(p);
    *ret = value;
    return 0;
}

int take_scalar(struct parser *p, enum pb_type type, const struct pb_enum *e,
                const struct place *at, struct number_or_bytes *ret)
{
    struct bytes text = { 0 };
    int rv;
    *ret = (struct number_or_bytes){ 0 };
    switch (type) {
    case PB_DOUBLE:
    case PB_FLOAT:
        return take_float(p, type, at, &ret->raw);
    case PB_BOOL:
        return take_bool(p, at, &ret->raw);
    case PB_ENUM:
        return take_enum(p, e, at, &ret->raw);
    case PB_STRING:
        return take_text(p, at, &ret->bytes);
    case PB_BYTES:
        return take_bytes(p, at, &ret->bytes);
    default:
        rv = take_number(p, at, &text);
        return rv != 0 ? rv : integer_of(p, type, text, at, &ret->raw);
    }
}

int key_of_text(struct parser *p, enum pb_type type, struct bytes text, const struct place *at,
                struct number_or_bytes *ret)
{
    *ret = (struct number_or_bytes){ 0 };
    if (type == PB_STRING) {
        ret->bytes = text;
        return 0;
    }
    if (type != PB_BOOL)
        return integer_of(p, type, text, at, &ret->raw);
    ret->raw = bytes_equal(text, bytes_of_text("true"));
    if (ret->raw == 0 && !bytes_equal(text, bytes_of_text("false")))
        return refuse_text(p, text, "is neither true nor false", at);
    return 0;
}
