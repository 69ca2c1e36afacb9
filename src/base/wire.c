#include "wire.h"

#include "nesting.h"
#include "utf8.h"

#define VARINT_MAX_BYTES 10
#define HEAD_MAX_BYTES   5 /* of a key or a length, says protobuf, however small its value */

/* --- Reading ------------------------------------------------------------------------ */

static bool skip(struct bytes *rest, uint64_t n)
{
    if (n > rest->len)
        return false;
    rest->data += n;
    rest->len -= n;
    return true;
}

static bool next_long_varint(struct bytes *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_MAX_BYTES; i++) {
        value |= (uint64_t)(rest->data[i] & 0x7f) << (7 * i);
        if (rest->data[i] < 0x80) {
            *ret = value;
            return skip(rest, i + 1);
        }
    }
    return false;
}

/* Most have one byte. */
static inline bool next_varint(struct bytes *rest, uint64_t *ret)
{
    if (rest->len == 0 || rest->data[0] >= 0x80)
        return next_long_varint(rest, ret);
    *ret = rest->data[0];
    rest->data++;
    rest->len--;
    return true;
}

/* A key or a length. */
static inline bool next_head(struct bytes *rest, uint64_t *ret)
{
    const uint8_t *from = rest->data;
    return next_varint(rest, ret) && rest->data - from <= HEAD_MAX_BYTES;
}

static bool next_bytes(struct bytes *rest, struct bytes *ret)
{
    uint64_t len;
    if (!next_head(rest, &len) || len > rest->len)
        return false;
    *ret = bytes_of(rest->data, (size_t)len);
    return skip(rest, len);
}

static bool next_value(struct bytes *rest, struct wire_field *f)
{
    switch (f->type) {
    case WIRE_VARINT:
        return next_varint(rest, &f->varint);
    case WIRE_64:
        return skip(rest, 8);
    case WIRE_BYTES:
        return next_bytes(rest, &f->bytes);
    case WIRE_32:
        return skip(rest, 4);
    }
    return false;
}

bool wire_next(struct bytes *rest, struct wire_field *ret)
{
    struct bytes after = *rest;
    struct wire_field f = { 0 };
    uint64_t tag;
    if (rest->len == 0 || !next_head(&after, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    f.number = (uint32_t)(tag >> 3);
    f.type = (enum wire_type)(tag & 7);
    if (!next_value(&after, &f))
        return false;
    *ret = f;
    *rest = after;
    return true;
}

struct bytes wire_find(struct bytes message, uint32_t number)
{
    struct bytes found = { 0 };
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.number == number && f.type == WIRE_BYTES)
            found = f.bytes;
    return found;
}

bool wire_is_text(struct bytes b)
{
    return b.len == 0 || (memchr(b.data, 0, b.len) == NULL && utf8_valid(b));
}

static const char *bad_text(const ProtobufCMessageDescriptor *type, struct bytes message, int left);

static const char *bad_field(const ProtobufCMessageDescriptor *type, const struct wire_field *f,
                             int left)
{
    const ProtobufCFieldDescriptor *d =
        f->type == WIRE_BYTES ? protobuf_c_message_descriptor_get_field(type, f->number) : NULL;
    if (d == NULL)
        return NULL;
    if (d->type == PROTOBUF_C_TYPE_STRING)
        return wire_is_text(f->bytes) ? NULL : d->name;
    if (d->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    return left > 0 ? bad_text(d->descriptor, f->bytes, left - 1) : type->short_name;
}

static const char *bad_text(const ProtobufCMessageDescriptor *type, struct bytes message, int left)
{
    struct wire_field f;
    while (wire_next(&message, &f)) {
        const char *bad = bad_field(type, &f, left);
        if (bad != NULL)
            return bad;
    }
    return message.len == 0 ? NULL : type->short_name;
}

const char *wire_bad_text(const ProtobufCMessageDescriptor *type, struct bytes message)
{
    return bad_text(type, message, NESTING_MAX);
}

const char *wire_bad_field(const ProtobufCMessageDescriptor *type, const struct wire_field *f)
{
    return bad_field(type, f, NESTING_MAX);
}

/* --- Writing ------------------------------------------------------------------------ */

static size_t varint_size(uint64_t value)
{
    size_t n = 1;
    while ((value >>= 7) != 0)
        n++;
    return n;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint64_t tag_of(uint32_t number, enum wire_type type)
{
    return (uint64_t)number << 3 | type;
}

size_t wire_bytes_size(uint32_t number, size_t len)
{
    return varint_size(tag_of(number, WIRE_BYTES)) + varint_size(len) + len;
}

static bool append_pair(struct buf *b, uint64_t tag, uint64_t value)
{
    uint8_t room[2 * VARINT_MAX_BYTES];
    const uint8_t *end = put_varint(put_varint(room, tag), value);
    return buf_append(b, bytes_of(room, (size_t)(end - room)));
}

bool wire_begin_bytes(struct buf *b, uint32_t number, size_t len)
{
    return append_pair(b, tag_of(number, WIRE_BYTES), len);
}

bool wire_append_bytes(struct buf *b, uint32_t number, struct bytes content)
{
    if (buf_reserve(b, wire_bytes_size(number, content.len)) == NULL)
        return false;
    return wire_begin_bytes(b, number, content.len) && buf_append(b, content);
}

bool wire_append_varint(struct buf *b, uint32_t number, uint64_t value)
{
    return append_pair(b, tag_of(number, WIRE_VARINT), value);
}
