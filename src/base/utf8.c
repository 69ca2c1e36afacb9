#include "utf8.h"

#include <stddef.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Eight ASCII bytes at once; most text is. */
static const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t eight;
    while (end - p >= 8) {
        memcpy(&eight, p, sizeof eight);
        if (eight & HIGH_BITS)
            break;
        p += 8;
    }
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* The length of the sequence that @lead begins; 0: none does. *low and *high
 * bound its second byte, which rules out overlong forms (E0, F0), surrogates
 * (ED) and what is above U+10FFFF (F4). */
static size_t sequence_length(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

bool utf8_valid(struct bytes text)
{
    const uint8_t *p = text.data, *end = p + text.len;
    while ((p = skip_ascii(p, end)) < end) {
        uint8_t low, high;
        size_t n = sequence_length(*p, &low, &high);
        if (n == 0 || (size_t)(end - p) < n || p[1] < low || p[1] > high)
            return false;
        for (size_t i = 2; i < n; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += n;
    }
    return true;
}

/* A NUL is no continuation byte: nothing beyond it is read. */
size_t utf8_decode(const char *text, uint32_t *ret)
{
    const uint8_t *p = (const uint8_t *)text;
    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    uint8_t low, high;
    size_t n = sequence_length(p[0], &low, &high);
    if (n == 0 || p[1] < low || p[1] > high)
        return 0;
    uint32_t c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret = c;
    return n;
}
