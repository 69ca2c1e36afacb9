/* A growable, reference-counted buffer of bytes. Messages are built in it and sent
 * from it. One thread writes. A part that was given to stream_send() must not
 * change any more. More may be appended as long as the capacity suffices. A buffer
 * that grows may move, and one that is being sent must not move. So buf_reserve()
 * refuses to grow a buffer with more than one reference. */
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

/** Takes one reference more. Returns @b. Any thread. */
struct buf *buf_ref(struct buf *b);

/** Gives one reference back. The last one frees the buffer. NULL is fine. Any thread. */
void buf_unref(struct buf *b);

/** The same as a callback that gets a void *, as gRPC has it for a slice. */
void buf_unref_any(void *b);

/** Makes room for @n more bytes and returns where they go. Add them to b->len
 * afterwards. NULL: out of memory, or the buffer is shared and would have to grow.
 * Nothing has changed then. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/** Appends @more. false: see NULL of buf_reserve(). */
bool buf_append(struct buf *b, struct bytes more);

static inline struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->data, b->len);
}

#endif
