/* A message of a listing, without its posts: how many there are is all that
 * --format none wants, and to decode them takes most of a client's time. What is
 * in them is not looked at. */
#ifndef CLI_SKIM_H
#define CLI_SKIM_H

#include <stdbool.h>

#include "base/bytes.h"
#include "post_query.h"

#define SKIM_TOKEN_MAX 1024

struct skim {
    /* Counts its posts, and has none of them; of the rest what a listing that
     * comes as one stream uses: the token, last, total_size and caught_up. */
    V1__Post__ListPostsResponse message;
    char token[SKIM_TOKEN_MAX + 1];
};

/** Reads the fields of @bytes. false: they are no message, or its token is
 * longer than one can be. */
bool skim_read(struct bytes bytes, struct skim *ret);

#endif
