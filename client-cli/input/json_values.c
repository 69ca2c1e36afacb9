#include "json_values.h"

#define FIRST_BYTES 4096

bool json_values_init(struct json_values *v, size_t max_bytes)
{
    *v = (struct json_values){ .max_bytes = max_bytes, .line_at = 1 };
    v->text = buf_new(FIRST_BYTES);
    return v->text != NULL;
}

void json_values_close(struct json_values *v)
{
    buf_unref(v->text);
    v->text = NULL;
}

bool json_values_add(struct json_values *v, struct bytes text)
{
    struct buf *b = v->text;
    b->len -= v->start;
    memmove(b->data, b->data + v->start, b->len);
    v->at -= v->start;
    v->start = 0;
    return buf_append(b, text);
}

void json_values_end(struct json_values *v)
{
    v->ended = true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void begin(struct json_values *v, uint8_t c)
{
    v->line_from = v->line_at;
    v->depth = 0;
    v->quoted = v->escaped = false;
    v->kind = c == '{' || c == '[' ? VALUE_BRACKETS : c == '"' ? VALUE_TEXT : VALUE_WORD;
}

/* Inside of a string. */
static void look_at_quoted(struct json_values *v, uint8_t c)
{
    if (v->escaped)
        v->escaped = false;
    else if (c == '\\')
        v->escaped = true;
    else
        v->quoted = c != '"';
}

/* Whether the value is over with the character @c, which belongs to it. */
static bool ends_with(struct json_values *v, uint8_t c)
{
    if (v->quoted) {
        look_at_quoted(v, c);
        return c == '\n' || (!v->quoted && v->kind == VALUE_TEXT);
    }
    v->quoted = c == '"';
    v->depth += c == '{' || c == '[';
    v->depth -= c == '}' || c == ']';
    return v->depth == 0 && v->kind == VALUE_BRACKETS;
}

static bool ends_before(const struct json_values *v, uint8_t c)
{
    return v->kind == VALUE_WORD && (is_space(c) || c == '{' || c == '[' || c == '"');
}

static void give_out(struct json_values *v, struct bytes *ret)
{
    *ret = bytes_of(v->text->data + v->start, v->at - v->start);
    v->line = v->line_from;
    v->start = v->at;
    v->kind = VALUE_NOT_BEGUN;
}

/* Looks at one more character. Whether a value ends behind or, without it, before it. */
static bool look(struct json_values *v)
{
    const uint8_t c = v->text->data[v->at];
    if (v->kind != VALUE_NOT_BEGUN && ends_before(v, c))
        return true;
    v->at++;
    const bool space = v->kind == VALUE_NOT_BEGUN && is_space(c);
    if (space)
        v->start = v->at;
    else if (v->kind == VALUE_NOT_BEGUN)
        begin(v, c);
    const bool over = !space && v->kind != VALUE_WORD && ends_with(v, c);
    v->line_at += c == '\n';
    return over;
}

enum json_value_result json_values_next(struct json_values *v, struct bytes *ret)
{
    bool over = false;
    while (!over && v->at < v->text->len && v->at - v->start <= v->max_bytes)
        over = look(v);
    if (v->at - v->start > v->max_bytes) {
        v->line = v->line_from;
        return JSON_VALUE_TOO_LONG;
    }
    if (!over && !(v->ended && v->kind != VALUE_NOT_BEGUN))
        return JSON_VALUE_NONE;
    give_out(v, ret);
    return JSON_VALUE_OK;
}
