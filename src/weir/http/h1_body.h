/* The body of a request of HTTP/1: of a length that was said, or in chunks, read strictly (RFC
 * 9112, 7.1). No input or output here. */
#ifndef HTTP_H1_BODY_H
#define HTTP_H1_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Private. */
struct h1_body {
    enum h1_body_state {
        H1_LENGTH,     /* `left` bytes of it */
        H1_CHUNK_SIZE, /* the digits of a size */
        H1_CHUNK_EXT,  /* what may follow them: it is not looked at */
        H1_CHUNK_LF,   /* the end of that line */
        H1_CHUNK,      /* `left` bytes of a chunk */
        H1_CHUNK_CR,   /* the line's end behind a chunk */
        H1_CHUNK_END,  /* the same */
        H1_TRAILER,    /* at the beginning of a line behind the last chunk */
        H1_TRAILER_IN, /* inside of it: fields that say nothing to us */
        H1_TRAILER_LF, /* at its end */
        H1_LAST_LF,    /* at the end of all */
        H1_OVER,
    } state;
    uint64_t left;
    unsigned digits; /* of a size; bytes of what may follow it, of trailers */
};

enum h1_body_result {
    H1_BODY_DATA, /* *ret is the next piece */
    H1_BODY_MORE, /* all of the input was taken, and there is more to come */
    H1_BODY_END,
    H1_BODY_BAD, /* it keeps to no rule: the connection is of no use any more */
};

void h1_body_begin(struct h1_body *b, bool chunked, uint64_t length);

/** Takes the next piece, which lies in *input, out of it. */
enum h1_body_result h1_body_next(struct h1_body *b, struct bytes *input, struct bytes *ret);

static inline bool h1_body_is_over(const struct h1_body *b)
{
    return b->state == H1_OVER;
}

#endif
