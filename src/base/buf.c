#include "buf.h"

#include <stdlib.h>

#define BUF_MAX_BYTES (SIZE_MAX / 4) /* growing must not overflow */

struct buf *buf_new(size_t cap)
{
    struct buf *b = malloc(sizeof *b);
    if (b == NULL)
        return NULL;
    b->data = malloc(cap == 0 ? 1 : cap);
    if (b->data == NULL) {
        free(b);
        return NULL;
    }
    b->len = 0;
    b->cap = cap;
    atomic_init(&b->refs, 1);
    return b;
}

struct buf *buf_copy(struct bytes from)
{
    struct buf *b = buf_new(from.len);
    if (b != NULL)
        buf_append(b, from);
    return b;
}

struct buf *buf_ref(struct buf *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void buf_unref(struct buf *b)
{
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(b->data);
    free(b);
}

void buf_unref_any(void *b)
{
    buf_unref(b);
}

static bool grow(struct buf *b, size_t n)
{
    if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1 || n > BUF_MAX_BYTES - b->len)
        return false;
    size_t cap = b->cap < 256 ? 256 : b->cap;
    while (cap - b->len < n)
        cap += cap / 2;
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->cap - b->len < n && !grow(b, n))
        return NULL;
    return b->data + b->len;
}

bool buf_append(struct buf *b, struct bytes more)
{
    uint8_t *to = buf_reserve(b, more.len);
    if (to == NULL)
        return false;
    if (more.len > 0)
        memcpy(to, more.data, more.len);
    b->len += more.len;
    return true;
}
