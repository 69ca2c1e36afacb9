/* What JSON strings are escaped by: for writers that differ in what they do with bytes that
 * are no text. */
#ifndef PBJSON_JSON_TEXT_H
#define PBJSON_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_ESCAPE_BYTES 6 /* "\u0000" */

/* The same byte in every lane of a word. */
#define JSON_LANES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of 8 bytes needs a closer look: not ASCII, below ' ', DEL, a quote or a
 * backslash. x - 1 borrows into the top bit of a lane that is 0; what it borrows from
 * the next lanes can only make us look once too often. */
static inline bool json_any_special(uint64_t word)
{
    const uint64_t quote = word ^ JSON_LANES('"'), backslash = word ^ JSON_LANES('\\');
    const uint64_t del = word ^ JSON_LANES(0x7f);
    const uint64_t hit = (word - JSON_LANES(' ')) | (quote - JSON_LANES(1)) |
                         (backslash - JSON_LANES(1)) | (del - JSON_LANES(1)) | word;
    return (hit & JSON_LANES(0x80)) != 0;
}

/** Whether 8 bytes are there before @end, none of which is such a byte. */
static inline bool json_plain_word(const uint8_t *from, const uint8_t *end)
{
    uint64_t word;
    if (end - from < (ptrdiff_t)sizeof word)
        return false;
    memcpy(&word, from, sizeof word);
    return !json_any_special(word);
}

/** Writes what stands for the character @c, up to U+00FF. Returns its length. */
static inline size_t json_put_escape(uint8_t to[JSON_ESCAPE_BYTES], uint8_t c)
{
    static const char short_form[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    static const char hex[] = "0123456789abcdef";
    if (short_form[c] != 0) {
        to[0] = '\\';
        to[1] = (uint8_t)short_form[c];
        return 2;
    }
    memcpy(to, "\\u00", 4);
    to[4] = (uint8_t)hex[c >> 4];
    to[5] = (uint8_t)hex[c & 0xf];
    return JSON_ESCAPE_BYTES;
}

#endif
