#include "page_token.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "base/base64.h"

#define VERSION 1

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

static uint32_t checksum(const uint8_t raw[PAGE_TOKEN_BYTES])
{
    return (uint32_t)XXH3_64bits(raw, PAGE_TOKEN_BYTES - 4);
}

uint64_t page_token_bind(const char *listing, struct bytes user_id, struct bytes tag)
{
    uint64_t h = XXH3_64bits(listing, strlen(listing));
    h = XXH3_64bits_withSeed(user_id.data, user_id.len, h);
    return XXH3_64bits_withSeed(tag.data, tag.len, h);
}

void page_token_write(const struct page_token *token, char text[PAGE_TOKEN_TEXT])
{
    uint8_t raw[PAGE_TOKEN_BYTES], *to = raw;
    *to++ = VERSION;
    to = put64(to, token->store_id);
    to = put64(to, token->binding);
    to = put32(to, token->at.group);
    to = put64(to, token->at.sequence);
    put32(to, checksum(raw));
    base64_encode(text, bytes_of(raw, PAGE_TOKEN_BYTES), BASE64_URL);
}

enum page_token_result page_token_read(struct bytes text, uint64_t store_id, uint64_t binding,
                                       struct position *ret_at)
{
    size_t len;
    uint8_t raw[PAGE_TOKEN_BYTES];
    if (text.len != PAGE_TOKEN_TEXT || !base64_decode(raw, text, BASE64_URL, &len) ||
        len != PAGE_TOKEN_BYTES || raw[0] != VERSION || get32(raw + 29) != checksum(raw))
        return PAGE_TOKEN_DAMAGED;
    if (get64(raw + 1) != store_id)
        return PAGE_TOKEN_OTHER_STORE;
    if (get64(raw + 9) != binding)
        return PAGE_TOKEN_OTHER_QUERY;
    ret_at->group = get32(raw + 17);
    ret_at->sequence = get64(raw + 21);
    return PAGE_TOKEN_OK;
}
