#include "byte_queue.h"

#include <stdlib.h>

#define MIN_BYTES  256
#define MAX_BYTES  (SIZE_MAX / 4) /* growing must not overflow */
#define SPARE_LEFT 1024           /* not worth a call of realloc() */

static void move_to_front(struct byte_queue *q)
{
    if (q->from > 0 && q->len > 0)
        memmove(q->data, q->data + q->from, q->len);
    q->from = 0;
}

/* Half as much again, so that many small additions cost little each. */
static size_t grown(const struct byte_queue *q, size_t n)
{
    const size_t needed = q->len + n, more = q->cap + q->cap / 2;
    const size_t cap = needed > more ? needed : more;
    return cap > MIN_BYTES ? cap : MIN_BYTES;
}

bool byte_queue_reserve(struct byte_queue *q, size_t n)
{
    if (q->cap - q->from - q->len >= n)
        return true;
    if (n > MAX_BYTES - q->len)
        return false;
    if (q->cap - q->len >= n && q->from >= q->len) { /* never moves more than was taken */
        move_to_front(q);
        return true;
    }
    move_to_front(q);
    const size_t cap = grown(q, n);
    uint8_t *data = realloc(q->data, cap);
    if (data == NULL)
        return false;
    q->data = data;
    q->cap = cap;
    return true;
}

bool byte_queue_add(struct byte_queue *q, struct bytes more)
{
    if (!byte_queue_reserve(q, more.len))
        return false;
    if (more.len > 0)
        memcpy(q->data + q->from + q->len, more.data, more.len);
    q->len += more.len;
    return true;
}

void byte_queue_take(struct byte_queue *q, size_t n)
{
    q->from += n;
    q->len -= n;
    if (q->len == 0)
        byte_queue_clear(q);
}

void byte_queue_trim(struct byte_queue *q)
{
    if (q->len == 0) {
        byte_queue_clear(q);
        return;
    }
    if (q->cap - q->len <= q->len + SPARE_LEFT)
        return;
    move_to_front(q);
    uint8_t *data = realloc(q->data, q->len);
    if (data == NULL)
        return;
    q->data = data;
    q->cap = q->len;
}

void byte_queue_clear(struct byte_queue *q)
{
    free(q->data);
    *q = (struct byte_queue){ 0 };
}
