#include "h1_body.h"

#define SIZE_DIGITS   8    /* 4 GiB */
#define EXT_BYTES     256  /* of a chunk's line, behind the size */
#define TRAILER_BYTES 4096 /* of all trailers */

void h1_body_begin(struct h1_body *b, bool chunked, uint64_t length)
{
    *b = (struct h1_body){ .state = chunked ? H1_CHUNK_SIZE : H1_LENGTH, .left = length };
    if (!chunked && length == 0)
        b->state = H1_OVER;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool begin(struct h1_body *b, enum h1_body_state next)
{
    b->state = next;
    b->digits = 0;
    return true;
}

static bool take_size(struct h1_body *b, uint8_t c)
{
    if (digit(c) >= 0) {
        if (b->digits == 0)
            b->left = 0;
        b->left = 16 * b->left + (unsigned)digit(c);
        return ++b->digits <= SIZE_DIGITS;
    }
    if (b->digits == 0)
        return false;
    if (c == '\r')
        return begin(b, H1_CHUNK_LF);
    return (c == ';' || c == ' ' || c == '\t') && begin(b, H1_CHUNK_EXT);
}

static bool take_ext(struct h1_body *b, uint8_t c)
{
    if (c == '\r')
        return begin(b, H1_CHUNK_LF);
    return (c >= ' ' || c == '\t') && c != 0x7f && ++b->digits <= EXT_BYTES;
}

static bool take_trailer(struct h1_body *b, uint8_t c, bool first)
{
    if (c == '\r') {
        b->state = first ? H1_LAST_LF : H1_TRAILER_LF;
        return true;
    }
    b->state = H1_TRAILER_IN;
    return (c > ' ' || (!first && (c == ' ' || c == '\t'))) && c != 0x7f &&
           ++b->digits <= TRAILER_BYTES;
}

/* A byte that is none of the content. */
static bool take_byte(struct h1_body *b, uint8_t c)
{
    switch (b->state) {
    case H1_CHUNK_SIZE:
        return take_size(b, c);
    case H1_CHUNK_EXT:
        return take_ext(b, c);
    case H1_CHUNK_LF:
        return c == '\n' && begin(b, b->left > 0 ? H1_CHUNK : H1_TRAILER);
    case H1_CHUNK_CR:
        return c == '\r' && begin(b, H1_CHUNK_END);
    case H1_CHUNK_END:
        return c == '\n' && begin(b, H1_CHUNK_SIZE);
    case H1_TRAILER:
    case H1_TRAILER_IN:
        return take_trailer(b, c, b->state == H1_TRAILER);
    case H1_TRAILER_LF:
        b->state = H1_TRAILER;
        return c == '\n';
    case H1_LAST_LF:
        return c == '\n' && begin(b, H1_OVER);
    default:
        return false;
    }
}

static struct bytes take(struct bytes *input, uint64_t most)
{
    const struct bytes taken = bytes_of(input->data, most < input->len ? most : input->len);
    *input = bytes_of(input->data + taken.len, input->len - taken.len);
    return taken;
}

static bool is_content(const struct h1_body *b)
{
    return b->state == H1_LENGTH || b->state == H1_CHUNK;
}

enum h1_body_result h1_body_next(struct h1_body *b, struct bytes *input, struct bytes *ret)
{
    while (input->len > 0 && b->state != H1_OVER) {
        if (!is_content(b)) {
            if (!take_byte(b, *take(input, 1).data))
                return H1_BODY_BAD;
            continue;
        }
        *ret = take(input, b->left);
        b->left -= ret->len;
        if (b->left == 0)
            b->state = b->state == H1_LENGTH ? H1_OVER : H1_CHUNK_CR;
        return H1_BODY_DATA;
    }
    return b->state == H1_OVER ? H1_BODY_END : H1_BODY_MORE;
}
