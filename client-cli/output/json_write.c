#include "json_write.h"

#include "pbjson/json_text.h"

static bool is_continuation(const uint8_t *p, const uint8_t *end)
{
    return p < end && (*p & 0xc0) == 0x80;
}

/* The length of the character at @p that is not ASCII; 0: no valid UTF-8 (cut
 * off, overlong, a surrogate, past U+10FFFF) or a control character of C1. */
static size_t wide_length(const uint8_t *p, const uint8_t *end)
{
    if (!is_continuation(p + 1, end))
        return 0;
    uint8_t first = p[0], second = p[1];
    if (first < 0xe0)
        return first < 0xc2 || (first == 0xc2 && second < 0xa0) ? 0 : 2;
    if (!is_continuation(p + 2, end))
        return 0;
    if (first < 0xf0) {
        bool overlong = first == 0xe0 && second < 0xa0;
        bool surrogate = first == 0xed && second >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = first == 0xf0 && second < 0x90;
    bool too_big = first > 0xf4 || (first == 0xf4 && second >= 0x90);
    return overlong || too_big || !is_continuation(p + 3, end) ? 0 : 4;
}

/* The length of a character that can be copied as it is; 0: it cannot. */
static size_t plain_character(const uint8_t *p, const uint8_t *end)
{
    if (*p >= 0x80)
        return wide_length(p, end);
    return *p >= ' ' && *p != '"' && *p != '\\' && *p != 0x7f;
}

/* How much of the text can be copied as it is. */
static size_t plain_length(const uint8_t *text, const uint8_t *end)
{
    const uint8_t *p = text;
    while (p < end) {
        const size_t len = json_plain_word(p, end) ? sizeof(uint64_t) : plain_character(p, end);
        if (len == 0)
            break;
        p += len;
    }
    return (size_t)(p - text);
}

/* Writes what stands for the character at *p that is not plain, and moves
 * past it. Returns the bytes written, at most JSON_ESCAPE_BYTES. */
static size_t put_escape(uint8_t *to, const uint8_t **p, const uint8_t *end)
{
    const uint8_t c = *(*p)++;
    if (c < 0x80)
        return json_put_escape(to, c);
    if (c == 0xc2 && is_continuation(*p, end))
        return json_put_escape(to, *(*p)++);
    memcpy(to, "\xef\xbf\xbd", 3); /* U+FFFD */
    return 3;
}

bool json_write_text(struct buf *b, struct bytes text)
{
    const uint8_t *p = text.data, *end = p + text.len;
    uint8_t *to = buf_reserve(b, text.len + 2); /* all, as a rule */
    if (to == NULL)
        return false;
    *to = '"';
    b->len++;
    for (;;) {
        size_t plain = plain_length(p, end);
        to = buf_reserve(b, plain + JSON_ESCAPE_BYTES);
        if (to == NULL)
            return false;
        if (plain > 0)
            memcpy(to, p, plain);
        p += plain;
        b->len += plain;
        if (p == end)
            break;
        b->len += put_escape(to + plain, &p, end);
    }
    b->data[b->len++] = '"'; /* in the room for an escape */
    return true;
}

bool json_write_int(struct buf *b, int64_t n)
{
    uint8_t digits[20];
    size_t len = 0;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[sizeof(digits) - ++len] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        digits[sizeof(digits) - ++len] = '-';
    return buf_append(b, bytes_of(digits + sizeof(digits) - len, len));
}
