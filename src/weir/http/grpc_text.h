/* The values of gRPC's own headers, read and written. Pure functions; any
 * thread.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
#ifndef HTTP_GRPC_TEXT_H
#define HTTP_GRPC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/** "grpc-timeout": 1 to 8 digits and one of H M S m u n. In milliseconds,
 * rounded up but for nanoseconds; 0: it has passed.
 * false: @value is malformed. */
bool grpc_timeout_parse(struct bytes value, uint64_t *ret_ms);

/** Whether the "content-type" is one of gRPC: "application/grpc", which "+proto"
 * or the like and parameters may follow. gRPC-Web has a type of its own. */
bool grpc_content_type(struct bytes value);

/** Writes @message as "grpc-message" has it, without a NUL, to @to. What has no
 * place in @room is left out, by whole characters: neither an escape nor what is
 * encoded by several of them is cut. Returns the length; three times that of
 * @message is always enough. */
size_t percent_encode(char *to, size_t room, const char *message);

/** Takes the next value off the front of a list with commas, without the blanks
 * around it; of "a,,b" the second is empty, and so is the only one of "". So
 * "-bin" metadata is to be split before it is decoded. false: there is none any
 * more. *rest begins as the whole list, whose data must not be NULL. */
bool grpc_list_next(struct bytes *rest, struct bytes *ret);

/* How a message is compressed: "grpc-encoding". */
enum grpc_encoding {
    ENCODING_IDENTITY,
    ENCODING_GZIP,
    ENCODING_DEFLATE, /* HTTP's: zlib's format, RFC 1950 */
    ENCODING_UNKNOWN,
};

/** By its name, in whatever case, as HTTP has it. */
enum grpc_encoding grpc_encoding_of(struct bytes name);

/* In a set of encodings. */
#define ENCODING_BIT(encoding) (1u << (encoding))

/** What of gzip and deflate a "grpc-accept-encoding" has, as such a set. */
unsigned grpc_encodings_accepted(struct bytes list);

#endif
