/* Tokens that were found good, so that the next call with the same one costs a
 * hash and no signature. Of fixed size: each token has one place, given by its
 * hash, and the last one there stays. Belongs to one loop. */
#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

#include "token_list.h"
#include "weir/identity.h"

#define TOKEN_CACHE_PLACES 1024

struct token_cache {
    struct {
        uint8_t hash[TOKEN_HASH_BYTES];
        struct identity *identity; /* NULL: the place is free */
    } places[TOKEN_CACHE_PLACES];
};

/* A zeroed cache is an empty one. */

/** Who has the token with this SHA-256, or NULL: not known, or expired at
 * @now_s. Belongs to the cache. */
struct identity *token_cache_find(const struct token_cache *cache,
                                  const uint8_t hash[TOKEN_HASH_BYTES], int64_t now_s);

/** Remembers it; takes a reference of its own. */
void token_cache_put(struct token_cache *cache, const uint8_t hash[TOKEN_HASH_BYTES],
                     struct identity *identity);

/** Forgets all: the keys that they were checked with have changed. */
void token_cache_clear(struct token_cache *cache);

#endif
