#include "received.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "inflate.h"

bool received_is_compressed(const grpc_byte_buffer *received)
{
    return received->data.raw.compression != GRPC_COMPRESS_NONE;
}

/* One slice of all its bytes: a copy only where there are several, as large
 * ones have. */
static bool flatten(grpc_byte_buffer *received, grpc_slice *ret)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *first;
    if (!grpc_byte_buffer_reader_init(&reader, received))
        return false;
    const size_t len = grpc_byte_buffer_length(received);
    if (len == 0) {
        *ret = grpc_empty_slice();
    } else if (grpc_byte_buffer_reader_peek(&reader, &first) && GRPC_SLICE_LENGTH(*first) == len) {
        *ret = grpc_slice_ref(*first);
    } else {
        grpc_byte_buffer_reader_destroy(&reader);
        grpc_byte_buffer_reader_init(&reader, received);
        *ret = grpc_byte_buffer_reader_readall(&reader);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return true;
}

/* *slice becomes what was packed in it, or is gone. */
static bool unpack(grpc_slice *slice, size_t max_bytes, struct status *why)
{
    const struct bytes packed = bytes_of(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
    struct buf *plain;
    const enum inflate_result result = inflate_message(packed, max_bytes, &plain);
    grpc_slice_unref(*slice);
    switch (result) {
    case INFLATE_OK:
        *slice = grpc_slice_new_with_user_data(plain->data, plain->len, buf_unref_any, plain);
        return true;
    case INFLATE_DAMAGED:
        *why = status_of(STATUS_INTERNAL, "a compressed message is damaged");
        return false;
    case INFLATE_TOO_LARGE:
        *why = status_of(STATUS_RESOURCE_EXHAUSTED,
                         "a compressed message has more than %zu bytes when unpacked", max_bytes);
        return false;
    default:
        *why = status_no_memory();
        return false;
    }
}

bool received_take(grpc_byte_buffer *received, size_t max_bytes, grpc_slice *ret,
                   struct status *why)
{
    const bool compressed = received_is_compressed(received);
    const bool flat = flatten(received, ret);
    grpc_byte_buffer_destroy(received);
    if (!flat) {
        *why = status_of(STATUS_INTERNAL, "a message cannot be read");
        return false;
    }
    return !compressed || unpack(ret, max_bytes, why);
}
