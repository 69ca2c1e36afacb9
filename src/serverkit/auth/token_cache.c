#include "token_cache.h"

static size_t place_of(const uint8_t hash[TOKEN_HASH_BYTES])
{
    return ((size_t)hash[0] << 8 | hash[1]) % TOKEN_CACHE_PLACES;
}

struct identity *token_cache_find(const struct token_cache *cache,
                                  const uint8_t hash[TOKEN_HASH_BYTES], int64_t now_s)
{
    const size_t place = place_of(hash);
    struct identity *identity = cache->places[place].identity;
    if (identity == NULL || identity->expires_s <= now_s)
        return NULL;
    return token_hash_equal(cache->places[place].hash, hash) ? identity : NULL;
}

void token_cache_put(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_BYTES],
                     struct identity *identity)
{
    const size_t place = place_of(hash);
    identity_unref(cache->places[place].identity);
    cache->places[place].identity = identity_ref(identity);
    memcpy(cache->places[place].hash, hash, TOKEN_HASH_BYTES);
}

void token_cache_clear(struct token_cache *cache)
{
    for (size_t i = 0; i < TOKEN_CACHE_PLACES; i++) {
        identity_unref(cache->places[i].identity);
        cache->places[i].identity = NULL;
    }
}
