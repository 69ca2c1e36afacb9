#include "received.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "base/inflate.h"

bool received_is_compressed(const grpc_byte_buffer *received)
{
    return received->data.raw.compression != GRPC_COMPRESS_NONE;
}

/* One slice of all its bytes: a copy only where there are several, as large
 * ones have, and then the buffer goes. */
static bool flatten(grpc_byte_buffer *buffer, struct received *ret)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *first;
    if (!grpc_byte_buffer_reader_init(&reader, buffer))
        return false;
    ret->buffer = buffer;
    const size_t len = grpc_byte_buffer_length(buffer);
    if (len == 0) {
        ret->slice = grpc_empty_slice();
    } else if (grpc_byte_buffer_reader_peek(&reader, &first) && GRPC_SLICE_LENGTH(*first) == len) {
        ret->slice = grpc_slice_ref(*first);
    } else {
        grpc_byte_buffer_reader_destroy(&reader);
        grpc_byte_buffer_reader_init(&reader, buffer);
        ret->slice = grpc_byte_buffer_reader_readall(&reader);
        ret->buffer = NULL;
    }
    grpc_byte_buffer_reader_destroy(&reader);
    if (ret->buffer == NULL)
        grpc_byte_buffer_destroy(buffer);
    return true;
}

/* *received becomes what was packed in it, or is gone. */
static bool unpack(struct received *received, size_t max_bytes, struct status *why)
{
    struct buf *plain;
    const enum inflate_result result = inflate_message(received_bytes(received), max_bytes, &plain);
    received_drop(received);
    switch (result) {
    case INFLATE_OK:
        received->slice =
            grpc_slice_new_with_user_data(plain->data, plain->len, buf_unref_any, plain);
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

bool received_take(grpc_byte_buffer *buffer, size_t max_bytes, struct received *ret,
                   struct status *why)
{
    const bool compressed = received_is_compressed(buffer);
    if (!flatten(buffer, ret)) {
        grpc_byte_buffer_destroy(buffer);
        *why = status_of(STATUS_INTERNAL, "a message cannot be read");
        return false;
    }
    return !compressed || unpack(ret, max_bytes, why);
}

/* The buffer goes last: where the core's memory is short, what frees it does
 * more than that, and needs what grpc_byte_buffer_destroy() sets up first and
 * grpc_slice_unref() does not. The process would crash. */
void received_drop(struct received *received)
{
    grpc_slice_unref(received->slice);
    grpc_byte_buffer_destroy(received->buffer);
    received->buffer = NULL;
}
