/* Base64 that comes in pieces, cut anywhere: what gRPC-Web's text form is made of. Each
 * quartet may have padding, not only the last one: senders encode message by message. */
#ifndef HTTP_BASE64_STREAM_H
#define HTTP_BASE64_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

/* Zero is the beginning. Private. */
struct base64_stream {
    uint8_t quartet[4];
    uint8_t n; /* characters of it that came */
};

enum base64_result { BASE64_OK, BASE64_DAMAGED, BASE64_NOMEM };

/** Appends what @text says to @to, three bytes for each quartet that is complete. */
enum base64_result base64_stream_decode(struct base64_stream *b, struct bytes text, struct buf *to);

/** Whether nothing is half there. */
static inline bool base64_stream_is_between(const struct base64_stream *b)
{
    return b->n == 0;
}

/** Appends @bytes as base64, padded at its end. false: out of memory. */
bool base64_stream_encode(struct bytes bytes, struct buf *to);

#endif
