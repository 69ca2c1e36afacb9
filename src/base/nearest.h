/* "Did you mean ...?": which word of several somebody has most likely wanted to type.
 *
 * A word is near if few letters were left out, added, taken for others or swapped with
 * their neighbours: one letter in three of what was typed, and never more than three. One
 * that only begins with what was typed ("stream" for "stream-list") is near, too. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *best; /* read-only: the nearest word tried so far; NULL: none is near */

    const char *typed; /* private, like the rest */
    size_t len;
    size_t distance;
};

/** Begins with the @len bytes at @typed, which stay the caller's. Any thread. */
struct nearest nearest_to(const char *typed, size_t len);

/** Tries @word, which must live as long as n->best is used. Of equals the first wins. */
void nearest_try(struct nearest *n, const char *word);

#endif
