/* A growable, reference-counted run of bytes: what messages are built in and
 * sent from. One thread writes; once a part of it was given to stream_send()
 * that part must not change, though more may be appended as long as the
 * capacity suffices (a growing buffer moves, and a sent one must not move:
 * buf_reserve() refuses to grow a buffer with more than one reference). */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"

struct buf {
    uint8_t *data;
    size_t len; /* bytes written */
    size_t cap; /* bytes there is room for */
    atomic_uint refs;
};

/** A new, empty buffer with room for @cap bytes and one reference, the
 * caller's. NULL: out of memory. Any thread. */
struct buf *buf_new(size_t cap);

/** A new buffer that holds a copy of @b. NULL: out of memory. Any thread. */
struct buf *buf_copy(struct bytes b);

/** One reference more. Returns @b. Any thread. */
struct buf *buf_ref(struct buf *b);

/** One reference less; the last one frees. NULL is fine. Any thread. */
void buf_unref(struct buf *b);

/** The same for those who call back with a void *, as gRPC does for a slice. */
void buf_unref_any(void *b);

/** Makes room for @n more bytes and returns where they go; count them in
 * b->len afterwards. NULL: out of memory, or the buffer is shared and would
 * have to grow; nothing changed. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/** Appends. false as for buf_reserve(). */
bool buf_append(struct buf *b, struct bytes more);

static inline struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->data, b->len);
}

#endif
