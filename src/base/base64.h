/* Base64 (RFC 4648), in both alphabets. Binary metadata and JWTs are sent in it. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum base64_alphabet {
    BASE64_STANDARD, /* the last two digits are + and / */
    BASE64_URL,      /* - and _ */
};

/** How long the text of @n bytes is, without padding. */
static inline size_t base64_text_len(size_t n)
{
    return n / 3 * 4 + (n % 3 * 4 + 2) / 3;
}

/** How many bytes are enough room for what a text of @len characters stands for. */
static inline size_t base64_room(size_t len)
{
    return len / 4 * 3 + len % 4;
}

/** Writes @from as text, without padding and without a NUL, to @to, which has
 * room for base64_text_len(). Returns that length. Any thread. */
size_t base64_encode(char *to, struct bytes from, enum base64_alphabet alphabet);

/** Reads @text, padded or not, into @to, which has room for base64_room() and
 * may be where @text is. Bits beyond the last whole byte are not checked, because
 * other peers do not check them either. So a few texts stand for the same bytes.
 * false: @text is not base64, and what is in @to means nothing. Any thread. */
bool base64_decode(uint8_t *to, struct bytes text, enum base64_alphabet alphabet, size_t *ret_len);

#endif
