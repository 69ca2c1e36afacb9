/* The tokens that a file lists. It holds their SHA-256, never themselves, so
 * whoever reads the file cannot use them. A line is
 *
 *     SHA256 NAME EXPIRES SCOPE...
 *
 * separated by spaces or tabs: 64 hexadecimal digits, who has the token, until
 * when it is good ("never", "2027-01-01" or "2027-01-01T12:00:00Z"), and what
 * it allows. Empty lines and those that begin with # do not count.
 *
 * Such tokens are long random texts: a fast hash is enough for them, and would
 * not be for passwords. */
#ifndef AUTH_TOKEN_LIST_H
#define AUTH_TOKEN_LIST_H

#include <stddef.h>
#include <string.h>

#include "weir/identity.h"

#define TOKEN_LIST_MAX   1000 /* more want a server that mints tokens */
#define TOKEN_LIST_ERROR 256
#define TOKEN_HASH_BYTES 32

struct token_list;

/** Without a branch on what is in them. Both are hashes, so how long it takes
 * tells nothing of a token. */
static inline bool token_hash_equal(const uint8_t a[TOKEN_HASH_BYTES],
                                    const uint8_t b[TOKEN_HASH_BYTES])
{
    uint64_t x[TOKEN_HASH_BYTES / 8], y[TOKEN_HASH_BYTES / 8];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

/** Reads the text of such a file. Returns 0 and *ret; or EINVAL and *error*
 * names the line and what is wrong with it, but nothing of its text: it may be
 * a token that someone forgot to hash. Or ENOMEM. */
int token_list_parse(struct token_list **ret, struct bytes text, char error[TOKEN_LIST_ERROR]);

/** Whose token has this hash; NULL: nobody's. The answer takes as long whether
 * or where it is found. An expired token is found too. Belongs to the list. */
struct identity *token_list_find(const struct token_list *list,
                                 const uint8_t hash[TOKEN_HASH_BYTES]);

/** Frees it. NULL is fine. */
void token_list_free(struct token_list *list);

#endif
