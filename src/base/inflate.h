/* What gRPC's "gzip" and "deflate" have packed, unpacked under a limit.
 *
 * A few KiB can unpack to gigabytes. Here the output grows as it is written and
 * stops at the limit, so a bomb costs the limit, not its size. */
#ifndef BASE_INFLATE_H
#define BASE_INFLATE_H

#include <stddef.h>

#include "buf.h"
#include "bytes.h"

enum inflate_result { INFLATE_OK, INFLATE_DAMAGED, INFLATE_TOO_LARGE, INFLATE_NOMEM };

/** Unpacks a whole message: gzip (RFC 1952, one member or several, as it
 * allows) or zlib (RFC 1950, which HTTP and gRPC call deflate); its first byte
 * tells which. Any thread.
 *   INFLATE_OK         *ret is a new buffer, the caller's
 *   INFLATE_DAMAGED    not that, cut short, or more than that
 *   INFLATE_TOO_LARGE  it has more than @max_bytes
 *   INFLATE_NOMEM */
enum inflate_result inflate_message(struct bytes packed, size_t max_bytes, struct buf **ret);

#endif
