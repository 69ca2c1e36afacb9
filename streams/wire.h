/* The protobuf wire format, as far as the hot path needs it: messages are put
 * together from stored bytes, without a struct in between.
 * https://protobuf.dev/programming-guides/encoding/ */
#ifndef STREAMS_WIRE_H
#define STREAMS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/bytes.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define WIRE_VARINT_MAX 10 /* bytes */

static inline size_t wire_varint_size(uint64_t v)
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

static inline size_t wire_bytes_size(size_t len)
{
    return 1 + wire_varint_size(len) + len;
}

/* Reading: a cursor over a message. */
struct wire_reader {
    const uint8_t *at, *end;
};

struct wire_field {
    unsigned number;
    enum wire_type type;
    struct bytes bytes; /* WIRE_BYTES */
    uint64_t value;     /* WIRE_VARINT */
};

static inline bool wire_get_varint(struct wire_reader *r, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t b = *r->at++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

/** The next field. false: the end, or damaged bytes. */
static inline bool wire_next(struct wire_reader *r, struct wire_field *ret)
{
    uint64_t key, n;
    if (!wire_get_varint(r, &key))
        return false;
    ret->number = (unsigned)(key >> 3);
    ret->type = (enum wire_type)(key & 7);
    switch (ret->type) {
    case WIRE_VARINT:
        return wire_get_varint(r, &ret->value);
    case WIRE_BYTES:
        if (!wire_get_varint(r, &n) || n > (size_t)(r->end - r->at))
            return false;
        ret->bytes = bytes_of(r->at, n);
        break;
    case WIRE_FIXED64:
        n = 8;
        break;
    case WIRE_FIXED32:
        n = 4;
        break;
    default:
        return false;
    }
    if (n > (size_t)(r->end - r->at))
        return false;
    r->at += n;
    return true;
}

/** Whether the message has field @number, of bytes, with this value. */
static inline bool wire_has(struct bytes message, unsigned number, struct bytes value)
{
    struct wire_reader r = { message.data, message.data + message.len };
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == number && f.type == WIRE_BYTES && bytes_equal(f.bytes, value))
            return true;
    return false;
}

#endif
