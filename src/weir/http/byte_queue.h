/* Bytes that wait: added at the end, taken from the front, and always in one
 * piece, for a system call or a parser. An empty queue holds no memory.
 *
 * It is embedded in its owner; all zeros is an empty one. One thread at a time. */
#ifndef HTTP_BYTE_QUEUE_H
#define HTTP_BYTE_QUEUE_H

#include "base/bytes.h"

struct byte_queue {
    uint8_t *data; /* NULL: none */
    size_t from;   /* where the first byte is */
    size_t len;    /* bytes that wait */
    size_t cap;    /* bytes of @data; for a budget, this is what the queue costs */
};

/** What waits; good until the queue is changed. */
static inline struct bytes byte_queue_bytes(const struct byte_queue *q)
{
    return bytes_of(q->len > 0 ? q->data + q->from : NULL, q->len);
}

/** Makes room for @n more bytes, so that adding them neither fails nor moves
 * anything. false: no memory, and nothing has changed. */
bool byte_queue_reserve(struct byte_queue *q, size_t n);

/** Adds a copy of @more. false: as byte_queue_reserve(). */
bool byte_queue_add(struct byte_queue *q, struct bytes more);

/** Drops @n bytes at the front, of those that are there. */
void byte_queue_take(struct byte_queue *q, size_t n);

/** Gives back the memory behind and before what waits, if that is most of it:
 * for a queue that may now stand still for long. */
void byte_queue_trim(struct byte_queue *q);

/** Drops everything, and the memory too. */
void byte_queue_clear(struct byte_queue *q);

#endif
