/* Page tokens: where to resume a listing, as URL-safe text (RFC 4648 section
 * 5, without padding). Opaque to clients, but no secret and no permission.
 *
 *     1 byte   format version
 *     8 bytes  store id: a token is good for the store that made it
 *     8 bytes  binding: a hash of what is listed; see token_bind()
 *     4 bytes  position: group
 *     8 bytes  position: sequence
 *     4 bytes  checksum of all before
 *
 * Numbers are little-endian. */
#ifndef STREAMS_TOKEN_H
#define STREAMS_TOKEN_H

#include <stdint.h>

#include "base/bytes.h"
#include "store/store.h"

#define TOKEN_BYTES 33
#define TOKEN_TEXT  44 /* TOKEN_BYTES in base64url */

struct token {
    uint64_t store_id;
    uint64_t binding;
    struct position at;
};

enum token_result {
    TOKEN_OK,
    TOKEN_DAMAGED,     /* not a token, or not whole, or of another version */
    TOKEN_OTHER_QUERY, /* the binding differs */
    TOKEN_OTHER_STORE, /* the store id differs */
};

/** The hash that ties a token to its listing ("ListPosts"), user and tag. */
uint64_t token_bind(const char *listing, struct bytes user_id, struct bytes tag);

/** Writes TOKEN_TEXT characters, no final NUL. */
void token_write(const struct token *token, char text[TOKEN_TEXT]);

/** Reads a token that must be of this store and query; *ret_at on TOKEN_OK. */
enum token_result token_read(struct bytes text, uint64_t store_id, uint64_t binding,
                             struct position *ret_at);

#endif
