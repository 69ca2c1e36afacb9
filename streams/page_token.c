#include "page_token.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "base/base64.h"

#define VERSION        1
#define VERSION_FOLLOW 2
#define VERSION_FLOOR  3

#define TOKEN_BYTES        33
#define TOKEN_BYTES_FOLLOW 42 /* and of a floor */
#define CHECKSUM_BYTES     4

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

static uint32_t checksum(const uint8_t *raw, size_t len)
{
    return (uint32_t)XXH3_64bits(raw, len - CHECKSUM_BYTES);
}

uint64_t page_token_bind(const char *listing, struct bytes user_id, struct bytes tag)
{
    uint64_t h = XXH3_64bits(listing, strlen(listing));
    h = XXH3_64bits_withSeed(user_id.data, user_id.len, h);
    return XXH3_64bits_withSeed(tag.data, tag.len, h);
}

static uint8_t version_of(const struct page_token *token)
{
    return token->follows ? VERSION_FOLLOW : token->revision > 0 ? VERSION_FLOOR : VERSION;
}

/* 0: there is no such version. */
static size_t length_of(uint8_t version)
{
    static const size_t lengths[] = { [VERSION] = TOKEN_BYTES,
                                      [VERSION_FOLLOW] = TOKEN_BYTES_FOLLOW,
                                      [VERSION_FLOOR] = TOKEN_BYTES_FOLLOW };
    return version < sizeof lengths / sizeof lengths[0] ? lengths[version] : 0;
}

size_t page_token_write(const struct page_token *token, char text[PAGE_TOKEN_TEXT_MAX])
{
    uint8_t raw[TOKEN_BYTES_FOLLOW], *to = raw;
    const uint8_t version = version_of(token);
    const size_t len = length_of(version);
    *to++ = version;
    to = put64(to, token->store_id);
    to = put64(to, token->binding);
    to = put32(to, token->at.group);
    to = put64(to, token->at.sequence);
    if (version != VERSION) {
        *to++ = token->in_changes;
        to = put64(to, token->revision);
    }
    put32(to, checksum(raw, len));
    return base64_encode(text, bytes_of(raw, len), BASE64_URL);
}

static bool is_whole(const uint8_t *raw, size_t len)
{
    return len > 0 && len == length_of(raw[0]) &&
           get32(raw + len - CHECKSUM_BYTES) == checksum(raw, len);
}

enum page_token_result page_token_read(struct bytes text, uint64_t store_id, uint64_t binding,
                                       struct page_token *ret)
{
    size_t len;
    uint8_t raw[TOKEN_BYTES_FOLLOW];
    if (text.len > PAGE_TOKEN_TEXT_MAX || !base64_decode(raw, text, BASE64_URL, &len) ||
        text.len != base64_text_len(len) || !is_whole(raw, len))
        return PAGE_TOKEN_DAMAGED;
    if (get64(raw + 1) != store_id)
        return PAGE_TOKEN_OTHER_STORE;
    if (get64(raw + 9) != binding)
        return PAGE_TOKEN_OTHER_QUERY;
    *ret = (struct page_token){
        .store_id = store_id,
        .binding = binding,
        .at = { get32(raw + 17), get64(raw + 21) },
        .follows = raw[0] == VERSION_FOLLOW,
    };
    if (raw[0] != VERSION) {
        ret->in_changes = ret->follows && raw[29] != 0;
        ret->revision = get64(raw + 30);
    }
    return PAGE_TOKEN_OK;
}
