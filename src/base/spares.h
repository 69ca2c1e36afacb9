/* Blocks of one size that are taken and given back all the time.
 *
 * glibc keeps freed blocks of up to 1,032 bytes at hand for each thread, and takes
 * them from there in some twenty instructions. It does not for larger ones, and not
 * for calloc() at all (before 2.41): those cost a few hundred, and as many again to
 * give back. */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stddef.h>

/** Those that were given back, for whoever wants one next. One thread uses it. Zero is
 * empty. The address sanitizer looks for blocks that are used after they were given
 * back: with it none is kept. */
struct spares {
    struct spare *first;
    int n;
};

/** Returns a block of @size bytes, all zero; NULL: out of memory. */
void *spares_take(struct spares *s, size_t size);

/** @block is of spares_take(), with the same @s and @size. It is kept, or freed if
 * there are enough. */
void spares_give(struct spares *s, void *block);

/** Frees those that are kept. */
void spares_clear(struct spares *s);

#endif
