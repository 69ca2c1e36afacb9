/* The outbox: the frames of one connection, collected for one system call.
 *
 * Small pieces are copied into one block, so that heads of frames and small
 * messages go out together. Of large pieces a reference is kept until they are
 * written. (To copy 2 KiB costs about as much as a separate piece does.) A loop
 * has one outbox. Its connections use it in turn, and it is empty between turns. */
#ifndef HTTP_OUTBOX_H
#define HTTP_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/bytes.h"

/* When so many bytes are collected the next connection gets its turn. A message of a
 * listing has 96 KiB and the record that fills it, and should not need a second system
 * call for its last bytes. */
#define OUTBOX_BYTES (100 * 1024)

/* The largest frame that is put at once: nghttp2's own, and a head. */
#define OUTBOX_FRAME_MAX (16 * 1024 + 64)

/* Smaller pieces are copied. */
#define OUTBOX_SMALL 2048

#define OUTBOX_PIECES 128

struct outbox {
    uint8_t *block; /* OUTBOX_BYTES and a frame */
    size_t used;    /* of it */
    size_t bytes;   /* in all pieces */
    size_t npieces;
    uv_buf_t pieces[OUTBOX_PIECES];
    size_t nrefs;
    struct buf *refs[OUTBOX_PIECES]; /* whose bytes are pieces */
};

/** false: out of memory. */
bool outbox_init(struct outbox *o);

/** Forgets what it holds and frees it. A zeroed one is fine. */
void outbox_close(struct outbox *o);

/** Whether there is room for another frame. */
bool outbox_has_room(const struct outbox *o);

/** Puts a copy of @bytes; there must be room. */
void outbox_copy(struct outbox *o, struct bytes bytes);

/** Puts bytes [from, from + len) of @b: a copy, or a reference. */
void outbox_put(struct outbox *o, struct buf *b, size_t from, size_t len);

/** Copies everything after the first @skip bytes to @to. */
void outbox_rest(const struct outbox *o, size_t skip, uint8_t *to);

/** Empties it. */
void outbox_clear(struct outbox *o);

#endif
