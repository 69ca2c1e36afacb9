#include <errno.h>
#include <stdlib.h>

#include "known.h"
#include "parse_internal.h"

#define MAX_VARINT 10

static int put(struct parser *p, struct bytes b)
{
    if (b.len > p->max_len - p->out->len)
        return EMSGSIZE;
    return buf_append(p->out, b) ? 0 : ENOMEM;
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (uint8_t)(value | 0x80);
    to[n++] = (uint8_t)value;
    return n;
}

static int write_varint(struct parser *p, uint64_t value)
{
    uint8_t room[MAX_VARINT];
    return put(p, bytes_of(room, put_varint(room, value)));
}

static int write_tag(struct parser *p, uint32_t number, enum wire_type wire)
{
    return write_varint(p, (uint64_t)number << 3 | wire);
}

static int write_fixed(struct parser *p, uint64_t value, size_t n)
{
    uint8_t room[8];
    for (size_t i = 0; i < n; i++)
        room[i] = (uint8_t)(value >> (8 * i));
    return put(p, bytes_of(room, n));
}

int write_value(struct parser *p, enum wire_type wire, struct number_or_bytes v)
{
    switch (wire) {
    case WIRE_64:
        return write_fixed(p, v.raw, 8);
    case WIRE_32:
        return write_fixed(p, v.raw, 4);
    case WIRE_BYTES: {
        const int rv = write_varint(p, v.bytes.len);
        return rv != 0 ? rv : put(p, v.bytes);
    }
    default:
        return write_varint(p, v.raw);
    }
}

int write_field(struct parser *p, uint32_t number, enum wire_type wire, struct number_or_bytes v)
{
    const int rv = write_tag(p, number, wire);
    return rv != 0 ? rv : write_value(p, wire, v);
}

/* --- Of a length that is not known yet ---------------------------------------------- */

/* Most lengths have one byte. */
int write_begin(struct parser *p, uint32_t number, size_t *ret_mark)
{
    int rv = write_tag(p, number, WIRE_BYTES);
    if (rv == 0)
        rv = write_varint(p, 0);
    *ret_mark = p->out->len;
    return rv;
}

/* For a longer one the content makes room. */
int write_end(struct parser *p, size_t mark)
{
    uint8_t length[MAX_VARINT];
    const size_t len = p->out->len - mark, n = put_varint(length, len);
    const int rv = put(p, bytes_of(length, n - 1));
    if (rv != 0)
        return rv;
    uint8_t *content = p->out->data + mark;
    if (n > 1)
        memmove(content + n - 1, content, len);
    memcpy(content - 1, length, n);
    return 0;
}

/* --- Keys --------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct number_or_bytes *x = a, *y = b;
    if (x->raw != y->raw)
        return x->raw < y->raw ? -1 : 1;
    if (x->bytes.len != y->bytes.len)
        return x->bytes.len < y->bytes.len ? -1 : 1;
    return x->bytes.len > 0 ? memcmp(x->bytes.data, y->bytes.data, x->bytes.len) : 0;
}

/* An entry begins with its key. Of a fixed number the bytes stand for it. */
static struct number_or_bytes key_of(struct bytes entry)
{
    struct wire_field f = { 0 };
    const uint8_t *from = entry.data;
    if (!wire_next(&entry, &f) || f.number != ENTRY_KEY)
        return (struct number_or_bytes){ 0 };
    if (f.type == WIRE_64 || f.type == WIRE_32)
        f.bytes = bytes_of(from, (size_t)(entry.data - from));
    return (struct number_or_bytes){ f.varint, f.bytes };
}

int write_check_keys(struct parser *p, size_t from, uint32_t number, const struct place *at)
{
    struct bytes rest = bytes_of(p->out->data + from, p->out->len - from);
    const struct scratch_mark mark = scratch_mark(&p->scratch);
    struct number_or_bytes *keys = NULL;
    struct wire_field f;
    char quote[PLACE_QUOTE_BYTES];
    size_t n = 0;
    int rv = 0;
    for (; rv == 0 && wire_next(&rest, &f) && f.number == number; n++)
        if ((rv = scratch_extend(&p->scratch, &keys, n * sizeof *keys, sizeof *keys)) == 0)
            keys[n] = key_of(f.bytes);
    if (rv == 0 && n > 1)
        qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 0; rv == 0 && i + 1 < n; i++)
        if (by_key(&keys[i], &keys[i + 1]) == 0)
            rv = place_refuse(p->error, at, "the key %s comes twice",
                              place_quote(quote, keys[i].bytes));
    scratch_release(&p->scratch, mark);
    return rv;
}
