#include "base64.h"

/* --- Writing: by 12 bits at a time, which are two characters ------------------------ */

#define EIGHT(p, a, b, c, d, e, f, g, h) p a p b p c p d p e p f p g p h
#define ROW(p, y, z)                                                                               \
    EIGHT(p, "A", "B", "C", "D", "E", "F", "G", "H")                                               \
    EIGHT(p, "I", "J", "K", "L", "M", "N", "O", "P")                                               \
    EIGHT(p, "Q", "R", "S", "T", "U", "V", "W", "X")                                               \
    EIGHT(p, "Y", "Z", "a", "b", "c", "d", "e", "f")                                               \
    EIGHT(p, "g", "h", "i", "j", "k", "l", "m", "n")                                               \
    EIGHT(p, "o", "p", "q", "r", "s", "t", "u", "v")                                               \
    EIGHT(p, "w", "x", "y", "z", "0", "1", "2", "3")                                               \
    EIGHT(p, "4", "5", "6", "7", "8", "9", y, z)

#define ROWS(a, b, c, d, e, f, g, h, y, z)                                                         \
    ROW(a, y, z)                                                                                   \
    ROW(b, y, z) ROW(c, y, z) ROW(d, y, z) ROW(e, y, z) ROW(f, y, z) ROW(g, y, z) ROW(h, y, z)

#define PAIRS(y, z)                                                                                \
    ROWS("A", "B", "C", "D", "E", "F", "G", "H", y, z)                                             \
    ROWS("I", "J", "K", "L", "M", "N", "O", "P", y, z)                                             \
    ROWS("Q", "R", "S", "T", "U", "V", "W", "X", y, z)                                             \
    ROWS("Y", "Z", "a", "b", "c", "d", "e", "f", y, z)                                             \
    ROWS("g", "h", "i", "j", "k", "l", "m", "n", y, z)                                             \
    ROWS("o", "p", "q", "r", "s", "t", "u", "v", y, z)                                             \
    ROWS("w", "x", "y", "z", "0", "1", "2", "3", y, z)                                             \
    ROWS("4", "5", "6", "7", "8", "9", y, z, y, z)

#define NPAIRS (64 * 64)

static const char pairs[][2 * NPAIRS + 1] = {
    [BASE64_STANDARD] = PAIRS("+", "/"),
    [BASE64_URL] = PAIRS("-", "_"),
};

static char *put_pair(char *to, const char *table, uint32_t bits)
{
    memcpy(to, table + 2 * bits, 2);
    return to + 2;
}

/* One byte or two, which make two characters or three. */
static char *put_tail(char *to, const char *table, const uint8_t *from, size_t n)
{
    const uint32_t v = (uint32_t)from[0] << 16 | (n == 2 ? (uint32_t)from[1] << 8 : 0);
    to = put_pair(to, table, v >> 12);
    if (n == 2)
        *to++ = table[2 * (v & 0xfff)];
    return to;
}

size_t base64_encode(char *to, struct bytes from, enum base64_alphabet alphabet)
{
    const char *table = pairs[alphabet], *begin = to;
    const uint8_t *p = from.data;
    for (size_t n = from.len / 3; n > 0; n--, p += 3) {
        const uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        to = put_pair(to, table, v >> 12);
        to = put_pair(to, table, v & 0xfff);
    }
    if (from.len % 3 > 0)
        to = put_tail(to, table, p, from.len % 3);
    return (size_t)(to - begin);
}

/* --- Reading: a table says what a character is worth -------------------------------- */

#define NO_DIGIT 0x80 /* no digit has this bit */

#define DIGIT(c, y, z)                                                                             \
    (uint8_t)((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'                                               \
              : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26                                          \
              : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52                                          \
              : (c) == (y)               ? 62                                                      \
              : (c) == (z)               ? 63                                                      \
                                         : NO_DIGIT)

#define DIGITS4(c, y, z)                                                                           \
    DIGIT(c, y, z), DIGIT((c) + 1, y, z), DIGIT((c) + 2, y, z), DIGIT((c) + 3, y, z)
#define DIGITS16(c, y, z)                                                                          \
    DIGITS4(c, y, z), DIGITS4((c) + 4, y, z), DIGITS4((c) + 8, y, z), DIGITS4((c) + 12, y, z)
#define DIGITS64(c, y, z)                                                                          \
    DIGITS16(c, y, z), DIGITS16((c) + 16, y, z), DIGITS16((c) + 32, y, z), DIGITS16((c) + 48, y, z)
/* clang-format off */
#define DIGITS(y, z) \
    { DIGITS64(0, y, z), DIGITS64(64, y, z), DIGITS64(128, y, z), DIGITS64(192, y, z) }
/* clang-format on */

static const uint8_t digits[][256] = {
    [BASE64_STANDARD] = DIGITS('+', '/'),
    [BASE64_URL] = DIGITS('-', '_'),
};

/* Padding fills a text up to fours; where it does not, it stays and is no digit. */
static struct bytes without_padding(struct bytes text)
{
    if (text.len > 0 && text.len % 4 == 0)
        for (int i = 0; i < 2 && text.data[text.len - 1] == '='; i++)
            text.len--;
    return text;
}

/* Two characters or three, which make one byte or two. */
static uint8_t *take_tail(uint8_t *to, const uint8_t *table, const uint8_t *p, size_t n,
                          uint32_t *bad)
{
    const uint32_t a = table[p[0]], b = table[p[1]], c = n == 3 ? table[p[2]] : 0;
    *bad |= a | b | c;
    *to++ = (uint8_t)(a << 2 | b >> 4);
    if (n == 3)
        *to++ = (uint8_t)(b << 4 | c >> 2);
    return to;
}

bool base64_decode(uint8_t *to, struct bytes text, enum base64_alphabet alphabet, size_t *ret_len)
{
    const uint8_t *table = digits[alphabet], *begin = to;
    const struct bytes t = without_padding(text);
    const uint8_t *p = t.data;
    uint32_t bad = 0;
    if (t.len % 4 == 1)
        return false;
    for (size_t n = t.len / 4; n > 0; n--, p += 4) {
        const uint32_t a = table[p[0]], b = table[p[1]], c = table[p[2]], d = table[p[3]];
        const uint32_t v = a << 18 | b << 12 | c << 6 | d;
        bad |= a | b | c | d;
        *to++ = (uint8_t)(v >> 16);
        *to++ = (uint8_t)(v >> 8);
        *to++ = (uint8_t)v;
    }
    if (t.len % 4 > 0)
        to = take_tail(to, table, p, t.len % 4, &bad);
    *ret_len = (size_t)(to - begin);
    return (bad & NO_DIGIT) == 0;
}
