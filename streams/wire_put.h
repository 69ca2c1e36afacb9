/* Writing the protobuf wire format where there is room: the hot path's way.
 * Messages are put together from stored bytes, without a struct in between.
 * base/wire.h has the rest. */
#ifndef STREAMS_WIRE_PUT_H
#define STREAMS_WIRE_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/wire.h"

#define WIRE_PUT_VARINT_MAX 10 /* bytes */

static inline size_t wire_put_varint_size(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}

/* The put functions write where there is room, and return behind it. Fields
 * up to 15 have one-byte keys; all of ours do. */

static inline uint8_t *wire_put_varint(uint8_t *to, uint64_t v)
{
    while (v >= 0x80) {
        *to++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *to++ = (uint8_t)v;
    return to;
}

static inline uint8_t *wire_put_key(uint8_t *to, unsigned field, enum wire_type type)
{
    *to++ = (uint8_t)(field << 3 | type);
    return to;
}

static inline uint8_t *wire_put_bytes(uint8_t *to, unsigned field, struct bytes b)
{
    to = wire_put_key(to, field, WIRE_BYTES);
    to = wire_put_varint(to, b.len);
    if (b.len > 0)
        memcpy(to, b.data, b.len);
    return to + b.len;
}

static inline size_t wire_put_bytes_size(size_t len)
{
    return 1 + wire_put_varint_size(len) + len;
}

#endif
