/* One message packed as gRPC's "gzip" or "deflate": what inflate.h unpacks.
 *
 * gRPC packs each message on its own, and zlib's state for that has 260 KiB: to
 * set it up anew for each would cost more than to pack a small one. So a deflater
 * keeps it, one for each of the two forms, from the first message that wants the
 * form on. It holds nothing of a message between two of them: one deflater for a
 * loop serves all of its streams.
 *
 * It packs at zlib's quickest level. With posts, chunks of 160 KB take 1.4 ms of
 * the loop at that level and 7.9 ms at zlib's default, which other gRPC servers
 * use, for 34 % of their size instead of 29 %; chunks of 6 KB, 0.07 and 0.13 ms
 * for 41 % and 39 %. Time on a loop is what other calls wait for. */
#ifndef BASE_DEFLATE_H
#define BASE_DEFLATE_H

#include <stdbool.h>

#include "buf.h"
#include "bytes.h"

struct deflater;

enum deflate_result { DEFLATE_OK, DEFLATE_NOT_SMALLER, DEFLATE_NOMEM };

/** A deflater that has nothing yet. NULL: out of memory. */
struct deflater *deflater_new(void);

/** Gives back what it holds. NULL is fine. */
void deflater_free(struct deflater *d);

/** Packs a whole message as gzip (RFC 1952), or else as zlib (RFC 1950). By one
 * thread at a time.
 *   DEFLATE_OK           *ret is a new buffer, the caller's
 *   DEFLATE_NOT_SMALLER  it would have no fewer bytes than @plain: send that
 *   DEFLATE_NOMEM        @d is as good as before */
enum deflate_result deflate_message(struct deflater *d, struct bytes plain, bool gzip,
                                    struct buf **ret);

#endif
