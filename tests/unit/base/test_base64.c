/* Base64: the examples of RFC 4648, every pair of characters, and what is none. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/base64.h"

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

/* Both work in blocks of just the size, so that a sanitizer sees what goes beyond. */
static void expect_text(struct bytes from, enum base64_alphabet alphabet, const char *text)
{
    const size_t len = base64_text_len(from.len);
    char *to = malloc(len > 0 ? len : 1);
    cr_assert_eq(base64_encode(to, from, alphabet), len);
    cr_assert(bytes_equal(bytes_of(to, len), bytes_of_text(text)), "%.*s is not %s", (int)len, to,
              text);
    free(to);
}

static bool decodes(struct bytes text, enum base64_alphabet alphabet, struct bytes expected)
{
    const size_t room = base64_room(text.len);
    uint8_t *copy = malloc(text.len > 0 ? text.len : 1), *to = malloc(room > 0 ? room : 1);
    size_t len = 0;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    const bool good = base64_decode(to, bytes_of(copy, text.len), alphabet, &len);
    if (good)
        cr_assert(bytes_equal(bytes_of(to, len), expected), "%.*s", (int)text.len, text.data);
    free(copy);
    free(to);
    return good;
}

/* Its section 10. */
Test(base64, examples_of_the_rfc)
{
    static const struct {
        const char *bytes, *padded, *bare;
    } rows[] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int a = 0; a < 2; a++) {
            const struct bytes bytes = bytes_of_text(rows[i].bytes);
            expect_text(bytes, a, rows[i].bare);
            cr_assert(decodes(bytes_of_text(rows[i].bare), a, bytes), "%s", rows[i].bare);
            cr_assert(decodes(bytes_of_text(rows[i].padded), a, bytes), "%s", rows[i].padded);
        }
}

static const char *const alphabets[] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* Every pair of characters, in front and behind, and with one and two bytes left. */
Test(base64, every_12_bits)
{
    for (int a = 0; a < 2; a++)
        for (unsigned v = 0; v < 4096; v++) {
            const char y = alphabets[a][v >> 6], z = alphabets[a][v & 63];
            const char text[] = { y, z, y, z };
            const uint8_t bytes[] = { (uint8_t)(v >> 4), (uint8_t)(v << 4 | v >> 8), (uint8_t)v };
            char to[4];
            cr_assert_eq(base64_encode(to, bytes_of(bytes, 3), a), 4);
            cr_assert_arr_eq(to, text, 4);
            cr_assert(decodes(bytes_of(text, 4), a, bytes_of(bytes, 3)));
            cr_assert(decodes(bytes_of(text, 3), a, bytes_of(bytes, 2)));
            cr_assert(decodes(bytes_of(text, 2), a, bytes_of(bytes, 1)));
            cr_assert_eq(base64_encode(to, bytes_of(bytes, 1), a), 2);
            cr_assert_eq(to[0], y);
            cr_assert_eq(to[1], alphabets[a][v & 0x30]);
        }
}

Test(base64, what_is_written_is_read)
{
    uint8_t bytes[100], back[100];
    char text[136];
    for (size_t len = 0; len <= sizeof bytes; len++)
        for (int a = 0; a < 2; a++) {
            for (size_t i = 0; i < len; i++)
                bytes[i] = (uint8_t)(i * 151 + len * 7);
            const size_t n = base64_encode(text, bytes_of(bytes, len), a);
            size_t got;
            cr_assert_eq(n, base64_text_len(len));
            cr_assert_leq(len, base64_room(n));
            cr_assert(base64_decode(back, bytes_of(text, n), a, &got));
            cr_assert(bytes_equal(bytes_of(back, got), bytes_of(bytes, len)));
        }
}

Test(base64, is_read_where_it_lies)
{
    char text[] = "Zm9vYmFyLCBhbmQgc29tZSBtb3Jl";
    size_t len;
    cr_assert(base64_decode((uint8_t *)text, bytes_of_text(text), BASE64_STANDARD, &len));
    cr_assert(bytes_equal(bytes_of(text, len), BYTES("foobar, and some more")));
}

Test(base64, other_characters_are_refused_anywhere)
{
    for (int a = 0; a < 2; a++)
        for (size_t len = 2; len < 12; len++)
            for (size_t at = 0; at < len && len % 4 != 1; at++)
                for (int c = 0; c < 256; c++) {
                    char text[] = "AAAAAAAAAAAA";
                    const bool good = c != 0 && strchr(alphabets[a], c) != NULL;
                    const bool padding = c == '=' && len % 4 == 0 && at == len - 1;
                    uint8_t to[9];
                    size_t got;
                    text[at] = (char)c;
                    cr_assert_eq(base64_decode(to, bytes_of(text, len), a, &got), good || padding,
                                 "character %d at %zu of %zu", c, at, len);
                }
}

Test(base64, lengths_and_padding_that_cannot_be)
{
    static const char *const rows[] = {
        "A",     "AAAAA", "=",        "==",    "===",       "====", "A===", "A=",   "AA=",
        "AAA==", "AA===", "AAAA====", "AAAA=", "AAAAAAA==", "=AAA", "A=AA", "AA=A", "AA==AA==",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_not(decodes(bytes_of_text(rows[i]), BASE64_STANDARD, bytes_of(NULL, 0)), "%s",
                      rows[i]);
}

/* RFC 4648, 3.5, lets a reader refuse them; no other gRPC does. */
Test(base64, bits_beyond_the_last_byte_do_not_matter)
{
    cr_assert(decodes(BYTES("Zh"), BASE64_STANDARD, BYTES("f")));
    cr_assert(decodes(BYTES("Zm9="), BASE64_STANDARD, BYTES("fo")));
}
