#include "json_write.h"

#define ESCAPE_BYTES 6 /* "\u0000" */

/* The same byte in every lane of a word. */
#define LANES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of 8 bytes needs a closer look: not ASCII, below ' ', DEL, a
 * quote or a backslash. x - 1 borrows into the top bit of a lane that is 0;
 * what it borrows from the next lanes can only make us look once too often. */
static bool any_special(uint64_t word)
{
    uint64_t quote = word ^ LANES('"');
    uint64_t backslash = word ^ LANES('\\');
    uint64_t del = word ^ LANES(0x7f);
    uint64_t hit =
        (word - LANES(' ')) | (quote - LANES(1)) | (backslash - LANES(1)) | (del - LANES(1)) | word;
    return (hit & LANES(0x80)) != 0;
}

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

/* How much of the text can be copied as it is. */
static size_t plain_length(const uint8_t *text, const uint8_t *end)
{
    const uint8_t *p = text;
    while (p < end) {
        uint64_t word;
        if (end - p >= (ptrdiff_t)sizeof(word)) {
            memcpy(&word, p, sizeof(word));
            if (!any_special(word)) {
                p += sizeof(word);
                continue;
            }
        }
        size_t len = 1;
        if (*p >= 0x80)
            len = wide_length(p, end);
        else if (*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
            len = 0;
        if (len == 0)
            break;
        p += len;
    }
    return (size_t)(p - text);
}

static size_t put_hex_escape(uint8_t *to, unsigned code)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(to, "\\u", 2);
    for (int i = 0; i < 4; i++)
        to[2 + i] = (uint8_t)hex[code >> (12 - 4 * i) & 0xf];
    return ESCAPE_BYTES;
}

/* Writes what stands for the character at *p that is not plain, and moves
 * past it. Returns the bytes written, at most ESCAPE_BYTES. */
static size_t put_escape(uint8_t *to, const uint8_t **p, const uint8_t *end)
{
    static const char short_form[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    uint8_t c = *(*p)++;
    if (short_form[c] != 0) {
        to[0] = '\\';
        to[1] = (uint8_t)short_form[c];
        return 2;
    }
    if (c < 0x80)
        return put_hex_escape(to, c);
    if (c == 0xc2 && is_continuation(*p, end))
        return put_hex_escape(to, *(*p)++);
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
        to = buf_reserve(b, plain + ESCAPE_BYTES);
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
