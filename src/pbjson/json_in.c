#include "json_in.h"

#include "base/utf8.h"
#include "number.h"

struct jsonin jsonin_of(struct bytes text)
{
    const uint8_t *end = text.len > 0 ? text.data + text.len : text.data;
    return (struct jsonin){ .begin = text.data, .at = text.data, .end = end };
}

static bool fail(struct jsonin *in, const char *wrong)
{
    if (in->wrong == NULL)
        in->wrong = wrong;
    return false;
}

void jsonin_space(struct jsonin *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
        in->at++;
}

static bool take(struct jsonin *in, char c)
{
    if (in->at == in->end || *in->at != (uint8_t)c)
        return false;
    in->at++;
    return true;
}

enum json_kind jsonin_peek(struct jsonin *in)
{
    jsonin_space(in);
    if (in->wrong != NULL || in->at == in->end)
        return JSON_NONE;
    switch (*in->at) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_LIST;
    case '"':
        return JSON_TEXT;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return *in->at == '-' || (*in->at >= '0' && *in->at <= '9') ? JSON_NUMBER : JSON_NONE;
    }
}

/* --- Objects and lists -------------------------------------------------------------- */

void jsonin_open(struct jsonin *in)
{
    in->at++;
}

bool jsonin_more(struct jsonin *in, char bracket, bool *first)
{
    const bool was_first = *first;
    *first = false;
    jsonin_space(in);
    if (in->wrong != NULL || take(in, bracket))
        return false;
    if (!was_first && !take(in, ','))
        return fail(in, bracket == '}' ? "a comma or } is missing" : "a comma or ] is missing");
    return true;
}

bool jsonin_key(struct jsonin *in, struct bytes *ret)
{
    if (jsonin_peek(in) != JSON_TEXT)
        return fail(in, "a name in quotes is missing");
    if (!jsonin_text(in, ret))
        return false;
    jsonin_space(in);
    return take(in, ':') || fail(in, "a colon is missing");
}

/* --- Texts -------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code of "XXXX"; -1: it is none. */
static int32_t hex_code(const uint8_t *from, const uint8_t *end)
{
    int32_t code = 0;
    if (end - from < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(from[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static bool is_high(int32_t code)
{
    return code >= 0xd800 && code < 0xdc00;
}

static bool is_low(int32_t code)
{
    return code >= 0xdc00 && code < 0xe000;
}

/* How long the escape at @p is, behind whose backslash @p stands; 0: it is none. */
static size_t escape_length(const uint8_t *p, const uint8_t *end)
{
    if (p == end)
        return 0;
    if (*p != 'u')
        return *p != 0 && strchr("\"\\/bfnrt", *p) != NULL ? 1 : 0;
    const int32_t code = hex_code(p + 1, end);
    if (code < 0 || is_low(code))
        return 0;
    if (!is_high(code))
        return 5;
    const bool pair = end - p >= 11 && p[5] == '\\' && p[6] == 'u' && is_low(hex_code(p + 7, end));
    return pair ? 11 : 0;
}

bool jsonin_text(struct jsonin *in, struct bytes *ret)
{
    const uint8_t *p = in->at + 1;
    while (p < in->end && *p != '"' && *p >= ' ') {
        if (*p++ != '\\')
            continue;
        const size_t n = escape_length(p, in->end);
        if (n == 0) {
            in->at = p - 1;
            return fail(in, "not an escape");
        }
        p += n;
    }
    if (p == in->end || *p != '"') {
        in->at = p;
        return fail(in, p == in->end ? "a quote is missing" : "a control character in a text");
    }
    *ret = bytes_of(in->at + 1, (size_t)(p - in->at) - 1);
    if (!utf8_valid(*ret))
        return fail(in, "the text is not UTF-8");
    in->at = p + 1;
    return true;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (uint8_t)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (uint8_t)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (uint8_t)(0xe0 | c >> 12);
        } else {
            *to++ = (uint8_t)(0xf0 | c >> 18);
            *to++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (c & 0x3f));
    return to;
}

static uint8_t *put_escape(uint8_t *to, const uint8_t **p, const uint8_t *end)
{
    static const char codes[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                     ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
    const uint8_t c = *(*p)++;
    if (c != 'u') {
        *to++ = (uint8_t)codes[c];
        return to;
    }
    uint32_t code = (uint32_t)hex_code(*p, end);
    *p += 4;
    if (is_high((int32_t)code)) {
        code = 0x10000 + ((code - 0xd800) << 10) + (uint32_t)hex_code(*p + 2, end) - 0xdc00;
        *p += 6;
    }
    return put_utf8(to, code);
}

size_t jsonin_unescape(uint8_t *to, struct bytes text)
{
    const uint8_t *p = text.data, *end = p + text.len, *begin = to;
    while (p < end) {
        const uint8_t c = *p++;
        if (c == '\\')
            to = put_escape(to, &p, end);
        else
            *to++ = c;
    }
    return (size_t)(to - begin);
}

/* --- The rest ----------------------------------------------------------------------- */

bool jsonin_number(struct jsonin *in, struct bytes *ret)
{
    const size_t n = number_length(bytes_of(in->at, (size_t)(in->end - in->at)));
    const uint8_t next = in->at + n < in->end ? in->at[n] : ' ';
    if (n == 0 || (next >= '0' && next <= '9') || next == '.' || next == 'e' || next == 'E')
        return fail(in, "not a number");
    *ret = bytes_of(in->at, n);
    in->at += n;
    return true;
}

static bool take_word(struct jsonin *in, const char *word)
{
    const size_t n = strlen(word);
    if ((size_t)(in->end - in->at) < n || memcmp(in->at, word, n) != 0)
        return fail(in, "not a value");
    in->at += n;
    return true;
}

bool jsonin_bool(struct jsonin *in, bool *ret)
{
    *ret = *in->at == 't';
    return take_word(in, *ret ? "true" : "false");
}

bool jsonin_null(struct jsonin *in)
{
    return take_word(in, "null");
}

static bool skip_members(struct jsonin *in, unsigned depth)
{
    const char close = *in->at == '{' ? '}' : ']';
    bool first = true;
    struct bytes key;
    if (depth == 0)
        return fail(in, "objects and lists too deep in one another");
    jsonin_open(in);
    while (jsonin_more(in, close, &first))
        if ((close == '}' && !jsonin_key(in, &key)) || !jsonin_skip(in, depth - 1))
            return false;
    return in->wrong == NULL;
}

bool jsonin_skip(struct jsonin *in, unsigned depth)
{
    struct bytes ignored;
    bool either;
    switch (jsonin_peek(in)) {
    case JSON_OBJECT:
    case JSON_LIST:
        return skip_members(in, depth);
    case JSON_TEXT:
        return jsonin_text(in, &ignored);
    case JSON_NUMBER:
        return jsonin_number(in, &ignored);
    case JSON_BOOL:
        return jsonin_bool(in, &either);
    case JSON_NULL:
        return jsonin_null(in);
    default:
        return fail(in, "a value is missing");
    }
}
