/* Blocks of one size that are taken and given back all the time.
 *
 * glibc keeps freed blocks of up to 1,032 bytes at hand for each thread, and gives
 * them out in some twenty instructions. It does not do so for larger blocks, and
 * before 2.41 not for calloc() at all. Those cost a few hundred instructions, and as
 * many again when they are given back. */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stddef.h>

/** Blocks that were given back, for whoever wants one next. One thread uses them. All
 * zero is empty. With the address sanitizer none is kept, so that it can find blocks
 * that are used after they were given back. */
struct spares {
    struct spare *first;
    int n;
};

/** Returns a block of @size bytes, all zero; NULL: out of memory. */
void *spares_take(struct spares *s, size_t size);

/** Gives back a @block of spares_take() with the same @s and @size. It is kept, or freed
 * if there are enough. */
void spares_give(struct spares *s, void *block);

/** Frees those that are kept. */
void spares_clear(struct spares *s);

#endif
