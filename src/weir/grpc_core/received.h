/* A message as gRPC hands it over, made into one run of plain bytes.
 *
 * The core can undo compression itself, but looks at the size only afterwards:
 * 600 KB made it take 600 MB. So servers and channels switch that off, and it
 * is done here, under the limit that holds for messages anyway. */
#ifndef CORE_RECEIVED_H
#define CORE_RECEIVED_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "weir/status.h"

struct received {
    grpc_byte_buffer *buffer; /* NULL: the bytes are not in it (any more) */
    grpc_slice slice;
};

/** Whether the peer compressed it. */
bool received_is_compressed(const grpc_byte_buffer *received);

/** Takes @buffer; *ret is the caller's, until received_drop(). false: it is no
 * message, and *why says why: INTERNAL, it is damaged; RESOURCE_EXHAUSTED, it
 * has more than @max_bytes when unpacked
 * (https://grpc.io/docs/guides/status-codes). */
bool received_take(grpc_byte_buffer *buffer, size_t max_bytes, struct received *ret,
                   struct status *why);

static inline struct bytes received_bytes(const struct received *received)
{
    return bytes_of(GRPC_SLICE_START_PTR(received->slice), GRPC_SLICE_LENGTH(received->slice));
}

/** The bytes are gone. */
void received_drop(struct received *received);

#endif
