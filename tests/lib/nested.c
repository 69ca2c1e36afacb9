#include "nested.h"

#include <criterion/criterion.h>

#define NESTED_TYPE 0x1a /* field 3, with a length */
#define HEAD_MAX    6    /* of so much, and a length of 5 bytes */

/* From the last one outwards, so from the end of the block to its front. */
static uint8_t *put_head_before(uint8_t *at, size_t len)
{
    uint8_t head[HEAD_MAX] = { NESTED_TYPE };
    size_t n = 1;
    for (; len >= 0x80; len >>= 7)
        head[n++] = (uint8_t)(len | 0x80);
    head[n++] = (uint8_t)len;
    return memcpy(at - n, head, n);
}

struct buf *nested_descriptors(size_t depth, struct bytes filler)
{
    const size_t room = depth * HEAD_MAX + filler.len;
    struct buf *b = buf_new(room), *exact;
    cr_assert_not_null(b);
    const uint8_t *end = b->data + room;
    uint8_t *at = b->data + depth * HEAD_MAX;
    if (filler.len > 0)
        memcpy(at, filler.data, filler.len);
    for (; depth > 0; depth--)
        at = put_head_before(at, (size_t)(end - at));
    exact = buf_copy(bytes_of(at, (size_t)(end - at)));
    cr_assert_not_null(exact);
    buf_unref(b);
    return exact;
}
