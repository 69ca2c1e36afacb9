/* Page tokens: where to resume a listing, as URL-safe text (RFC 4648 section
 * 5, without padding). Opaque to clients, but no secret and no permission.
 *
 *     1 byte   format version: 1
 *     8 bytes  store id: a token is good for the store that made it
 *     8 bytes  binding: a hash of what is listed; see page_token_bind()
 *     4 bytes  position: group
 *     8 bytes  position: sequence
 *     4 bytes  checksum of all before
 *
 * A listing that is followed by changes has tokens of version 2, with 9 bytes more
 * before the checksum:
 *
 *     1 byte   1: its listing is over, and it is among the changes; 0
 *     8 bytes  revision: of the store when it began, or of the last change told
 *
 * Where a standby may answer, tokens are of version 3, with as many:
 *
 *     1 byte   0
 *     8 bytes  revision: no older state of the store may be listed from here on
 *
 * Numbers are little-endian. */
#ifndef STREAMS_PAGE_TOKEN_H
#define STREAMS_PAGE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/store.h"

#define PAGE_TOKEN_TEXT     44 /* characters of version 1 */
#define PAGE_TOKEN_TEXT_MAX 56 /* of versions 2 and 3 */

struct page_token {
    uint64_t store_id;
    uint64_t binding;
    struct position at;
    bool follows; /* version 2 */
    bool in_changes;
    uint64_t revision; /* 0 and no follow: version 1; else version 3 */
};

enum page_token_result {
    PAGE_TOKEN_OK,
    PAGE_TOKEN_DAMAGED,     /* not a token, or not whole, or of another version */
    PAGE_TOKEN_OTHER_QUERY, /* the binding differs */
    PAGE_TOKEN_OTHER_STORE, /* the store id differs */
};

/** The hash that ties a token to its listing ("ListPosts"), user and tag. */
uint64_t page_token_bind(const char *listing, struct bytes user_id, struct bytes tag);

/** Writes the token to @text, no final NUL. Returns its length. */
size_t page_token_write(const struct page_token *token, char text[PAGE_TOKEN_TEXT_MAX]);

/** Reads a token that must be of this store and query; *ret on PAGE_TOKEN_OK. */
enum page_token_result page_token_read(struct bytes text, uint64_t store_id, uint64_t binding,
                                       struct page_token *ret);

#endif
