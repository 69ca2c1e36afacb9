/* Finds gRPC's messages (Length-Prefixed-Message of PROTOCOL-HTTP2.md) in the bytes
 * of a stream, which DATA frames cut anywhere.
 *
 * A message that lies whole in what came is handed on from where it lies. Only a
 * message that is cut is kept. It takes at most twice as much memory as has come of
 * it, so a head that announces 4 MiB costs nothing until they come. */
#ifndef HTTP_DEFRAME_H
#define HTTP_DEFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define DEFRAME_HEAD_BYTES 5 /* a flag, and the length, big-endian */

/* One for each direction of a stream; zero is the beginning. Private. */
struct deframer {
    uint8_t head[DEFRAME_HEAD_BYTES];
    uint8_t head_len; /* bytes of it that came */
    bool delivered;   /* what is kept was handed on, and is free */
    uint32_t len, cap;
    uint8_t *kept; /* of a message that is cut */
};

enum deframe {
    DEFRAME_MESSAGE,
    DEFRAME_MORE,
    DEFRAME_TOO_LARGE,
    DEFRAME_BAD_FLAG,
    DEFRAME_NOMEM,
};

/** Takes the next message out of *input, which is advanced beyond it.
 *   DEFRAME_MESSAGE    *ret lies in what *input was, or in @d: until the next
 *                      call. *ret_compressed: it is to be unpacked.
 *   DEFRAME_MORE       all of *input was taken, and it is not a whole message yet
 *   DEFRAME_TOO_LARGE  its head says that it has more than @max_bytes, whatever
 *                      has come of it
 *   DEFRAME_BAD_FLAG   its head says neither that it is compressed nor that it is not
 *   DEFRAME_NOMEM
 * After the last three the stream has failed, and deframer_clear() is all that
 * may be called. */
enum deframe deframer_next(struct deframer *d, struct bytes *input, size_t max_bytes,
                           struct bytes *ret, bool *ret_compressed);

/** Whether no message is half there: the stream may end here. */
bool deframer_is_between(const struct deframer *d);

/** The memory that it holds. */
static inline size_t deframer_bytes(const struct deframer *d)
{
    return d->cap;
}

/** Gives the memory back; *d is as at the beginning. */
void deframer_clear(struct deframer *d);

#endif
