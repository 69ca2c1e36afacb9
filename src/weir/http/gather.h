/* Messages in a body that says where they end by other means than a head in front of each:
 * the body as a whole, or its lines. As deframe.h, which takes those with heads. */
#ifndef HTTP_GATHER_H
#define HTTP_GATHER_H

#include "deframe.h"

/* Zero is the beginning. Private. */
struct gather {
    uint8_t *kept;
    size_t len, cap;
    bool delivered; /* what is kept was handed on, and is free */
    bool over;      /* of a whole body: it was handed on */
};

/** Takes all of *input, and with @ended what came before is a message, even of no bytes, once.
 * *ret lies in what *input was, or in @g, until the next call. Returns DEFRAME_MESSAGE,
 * DEFRAME_MORE, DEFRAME_TOO_LARGE or DEFRAME_NOMEM. */
enum deframe gather_whole(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                          struct bytes *ret);

/** The same for the next line, without its end; those that are empty or blank are left out. With
 * @ended the last one needs no end. */
enum deframe gather_line(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                         struct bytes *ret);

/** Whether nothing is kept that was not handed on. */
bool gather_is_between(const struct gather *g);

/** The memory that it holds. */
static inline size_t gather_bytes(const struct gather *g)
{
    return g->cap;
}

/** Gives the memory back. */
void gather_clear(struct gather *g);

#endif
