#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"

static bool valid(const char *text, size_t len)
{
    /* In a block of its own size, so that a sanitizer sees what reads beyond. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, text, len);
    bool result = utf8_valid(bytes_of(copy, len));
    free(copy);
    return result;
}

/* The one character of @text; UINT32_MAX: it is none. */
static uint32_t decoded(const char *text, size_t len)
{
    char copy[5] = "";
    uint32_t c = 0;
    memcpy(copy, text, len);
    return utf8_decode(copy, &c) == len ? c : UINT32_MAX;
}

static const struct {
    const char *text;
    bool valid;
} rows[] = {
    { "", true },
    { "a", true },
    { "seven b", true },
    { "eight by", true },
    { "more than eight bytes", true },
    { "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4", true },
    { "\xc2\x80", true },
    { "\xdf\xbf", true },
    { "\xe0\xa0\x80", true },
    { "\xed\x9f\xbf", true },
    { "\xee\x80\x80", true },
    { "\xef\xbf\xbf", true },
    { "\xf0\x90\x80\x80", true },
    { "\xf4\x8f\xbf\xbf", true },
    { "\x7f", true },
    { "\x80", false }, /* no lead */
    { "\xbf", false },
    { "\xc0\x80", false }, /* overlong */
    { "\xc1\xbf", false },
    { "\xe0\x9f\xbf", false },
    { "\xf0\x8f\xbf\xbf", false },
    { "\xed\xa0\x80", false }, /* surrogates */
    { "\xed\xbf\xbf", false },
    { "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
    { "\xf5\x80\x80\x80", false },
    { "\xff", false },
    { "\xc2", false }, /* cut short */
    { "\xe1\x80", false },
    { "\xf1\x80\x80", false },
    { "\xc2\xc2", false }, /* no continuation */
    { "\xe1\x80\x41", false },
    { "\xe1\x41\x80", false },
    { "\xf1\x80\x80\xc0", false },
    { "\xf1\x80\x41\x80", false },
};

Test(utf8, table)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(valid(rows[i].text, strlen(rows[i].text)), rows[i].valid, "row %zu", i);
}

/* Each row at each place around the eight bytes that are looked at together. */
Test(utf8, table_at_every_offset)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].text);
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            memset(text, 'x', sizeof text);
            memcpy(text + before, rows[i].text, len);
            cr_expect_eq(valid(text, before + len), rows[i].valid, "row %zu at %zu", i, before);
            cr_expect_eq(valid(text, before + len + 9), rows[i].valid, "row %zu at %zu", i, before);
        }
    }
}

Test(utf8, nul_is_valid)
{
    cr_assert(valid("a\0b", 3));
}

/* What is valid is decoded, and what is not, is not; neither reads past the NUL. */
Test(utf8, decode_agrees)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *copy = strdup(rows[i].text);
        size_t at = 0, n = 1;
        uint32_t c = 1;
        while (copy[at] != '\0' && n > 0) {
            n = utf8_decode(copy + at, &c);
            at += n;
        }
        cr_expect_eq(n > 0, rows[i].valid, "row %zu", i);
        free(copy);
    }
}

Test(utf8, decode_at_the_end_and_of_nothing)
{
    uint32_t c = 7;
    cr_expect_eq(utf8_decode("\x80", &c), 0);
    cr_expect_eq(c, 7);
    cr_expect_eq(utf8_decode("", &c), 1);
    cr_expect_eq(c, 0);
}

/* Every code point, encoded by the book, and the gap of the surrogates. */
Test(utf8, every_code_point)
{
    for (uint32_t c = 0x10000; c < 0x110000; c++) {
        char t[4] = { (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                      (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) };
        cr_assert(utf8_valid(bytes_of(t, 4)), "U+%X", c);
        cr_assert_eq(decoded(t, 4), c);
    }
    for (uint32_t c = 0; c < 0x10000; c++) {
        char t[3] = { (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 63)),
                      (char)(0x80 | (c & 63)) };
        bool want = c >= 0x800 && (c < 0xd800 || c > 0xdfff);
        cr_assert_eq(utf8_valid(bytes_of(t, 3)), want, "U+%X", c);
        cr_assert_eq(decoded(t, 3), want ? c : UINT32_MAX);
    }
}
