#include "pg_values.h"

/* What an array begins with. */
struct head {
    uint32_t dimensions, has_nulls, type, n, first;
};

static void write_head(struct buf *array, uint32_t n)
{
    struct head h;
    memcpy(&h, array->data, sizeof h);
    h.dimensions = htobe32(n > 0); /* an empty one has none */
    h.n = htobe32(n);
    memcpy(array->data, &h, sizeof h);
}

struct buf *pg_array_new(enum pg_array_type type)
{
    const struct head h = { .type = htobe32(type), .first = htobe32(1) };
    struct buf *b = buf_new(4096);
    if (b != NULL)
        buf_append(b, bytes_of(&h, sizeof h));
    return b;
}

bool pg_array_add(struct buf *array, struct bytes value)
{
    const uint32_t len = htobe32((uint32_t)value.len);
    return buf_append(array, bytes_of(&len, sizeof len)) &&
           (value.len == 0 || buf_append(array, value));
}

struct pg_param pg_array_param(struct buf *array, size_t n)
{
    write_head(array, (uint32_t)n);
    struct bytes all = buf_bytes(array);
    if (n == 0)
        all.len = sizeof(struct head) - 2 * sizeof(uint32_t);
    return pg_bytes_param(all);
}
