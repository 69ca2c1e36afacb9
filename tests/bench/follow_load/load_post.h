/* A post of a load: its id is NAME-12345678, its number in the load, and its title the time at
 * which its import was sent (clock.h). So whoever sees one knows what it is and how long it took,
 * without having made it. */
#ifndef FOLLOW_LOAD_LOAD_POST_H
#define FOLLOW_LOAD_LOAD_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

#define LOAD_POSTS_MAX 100000000 /* numbers have 8 digits */

struct load_post {
    uint64_t number, sent_ns;
};

/** Appends it to @b as field 1, which is where requests and answers have their posts. */
void load_post_append(struct buf *b, const char *name, const struct load_post *p, const char *user);

/** The number of a PostMessage. false: it is none of the load @name. */
bool load_post_number(struct bytes message, struct bytes name, uint64_t *ret);

/** When its import was sent. Of a post of a load only: any other ends the program. */
uint64_t load_post_sent_ns(struct bytes message);

#endif
