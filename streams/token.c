#include "token.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#define VERSION 1

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* --- base64url of TOKEN_BYTES, a multiple of 3: no padding, no tail --------------- */

static void encode(const uint8_t in[TOKEN_BYTES], char out[TOKEN_TEXT])
{
    for (int i = 0; i < TOKEN_BYTES; i += 3) {
        const uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        *out++ = alphabet[v >> 6 & 63];
        *out++ = alphabet[v & 63];
    }
}

static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static bool decode(const uint8_t *in, uint8_t out[TOKEN_BYTES])
{
    for (int i = 0; i < TOKEN_TEXT; i += 4) {
        uint32_t v = 0;
        for (int k = 0; k < 4; k++) {
            const int d = digit(in[i + k]);
            if (d < 0)
                return false;
            v = v << 6 | (uint32_t)d;
        }
        *out++ = (uint8_t)(v >> 16);
        *out++ = (uint8_t)(v >> 8);
        *out++ = (uint8_t)v;
    }
    return true;
}

/* --- The bytes ----------------------------------------------------------------------- */

static uint8_t *put32(uint8_t *to, uint32_t v)
{
    v = htole32(v);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static uint8_t *put64(uint8_t *to, uint64_t v)
{
    v = htole64(v);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static uint32_t get32(const uint8_t *from)
{
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const uint8_t *from)
{
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return le64toh(v);
}

static uint32_t checksum(const uint8_t raw[TOKEN_BYTES])
{
    return (uint32_t)XXH3_64bits(raw, TOKEN_BYTES - 4);
}

uint64_t token_bind(const char *listing, struct bytes user_id, struct bytes tag)
{
    uint64_t h = XXH3_64bits(listing, strlen(listing));
    h = XXH3_64bits_withSeed(user_id.data, user_id.len, h);
    return XXH3_64bits_withSeed(tag.data, tag.len, h);
}

void token_write(const struct token *token, char text[TOKEN_TEXT])
{
    uint8_t raw[TOKEN_BYTES], *to = raw;
    *to++ = VERSION;
    to = put64(to, token->store_id);
    to = put64(to, token->binding);
    to = put32(to, token->at.group);
    to = put64(to, token->at.sequence);
    put32(to, checksum(raw));
    encode(raw, text);
}

enum token_result token_read(struct bytes text, uint64_t store_id, uint64_t binding,
                             struct position *ret_at)
{
    uint8_t raw[TOKEN_BYTES];
    if (text.len != TOKEN_TEXT || !decode(text.data, raw) || raw[0] != VERSION ||
        get32(raw + 29) != checksum(raw))
        return TOKEN_DAMAGED;
    if (get64(raw + 1) != store_id)
        return TOKEN_OTHER_STORE;
    if (get64(raw + 9) != binding)
        return TOKEN_OTHER_QUERY;
    ret_at->group = get32(raw + 17);
    ret_at->sequence = get64(raw + 21);
    return TOKEN_OK;
}
