/* The headers of a call: those that came, and those to be sent. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

/* --- Received ----------------------------------------------------------------------- */

/* What one counts beside its texts: RFC 9113, 6.5.2. */
#define HEADER_OVERHEAD 32

/* nghttp2 counts references to what it has decoded, so nothing is copied. Of HTTP/1 the texts
 * lie in the block, and the two are NULL. */
struct received_header {
    struct bytes name, value;
    nghttp2_rcbuf *name_buf, *value_buf;
};

/* Zero is empty. */
struct received_headers {
    struct received_header *items;
    uint16_t n, cap;
    uint32_t bytes;          /* as SETTINGS_MAX_HEADER_LIST_SIZE counts them */
    struct decoded *decoded; /* values of "-bin" headers that were asked for */
    size_t block_bytes;      /* that those take */
    struct buf *blocks[2];   /* those of HTTP/1 and of WebSockets, which they lie in */
};

/** Keeps a reference to both. false: out of memory. */
bool received_headers_add(struct received_headers *h, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/** The same for texts that stay as long as what is given to received_headers_own(). */
bool received_headers_put(struct received_headers *h, struct bytes name, struct bytes value);

/** Takes the caller's reference to @block. Twice at most. */
void received_headers_own(struct received_headers *h, struct buf *block);

/** The first value of this name; data == NULL: there is none, or it is "-bin" and
 * no base64. Valid until received_headers_clear(). */
struct bytes received_headers_get(struct received_headers *h, const char *name);

void received_headers_clear(struct received_headers *h);

static inline struct bytes rcbuf_bytes(nghttp2_rcbuf *b)
{
    const nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return bytes_of(v.base, v.len);
}

/* --- To be sent --------------------------------------------------------------------- */

#define SENT_HEADERS_MAX   24 /* of one call's headers, or trailers */
#define SENT_HEADERS_FIXED 8  /* room for those that every answer has */

/* In one piece with its texts. */
struct sent_header {
    struct sent_header *next;
    nghttp2_nv nv;
    uint8_t texts[];
};

/* Zero is empty. */
struct sent_headers {
    struct sent_header *first, *last;
    size_t n;
};

/** Adds a copy; a "-bin" value as base64. Returns 0; ENOMEM, also if there are SENT_HEADERS_MAX; or
 * EINVAL: gRPC does not allow the name (lower case, digits, "-_.") or the value (printable ASCII,
 * unless the name ends in "-bin"), or it is a name of the protocol itself. */
int sent_headers_put(struct sent_headers *h, const char *name, struct bytes value);

void sent_headers_clear(struct sent_headers *h);

/** One whose texts stay for as long as the program runs. */
#define HEADER_FIXED(n, v)                                                                         \
    ((nghttp2_nv){ (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1,            \
                   sizeof(v) - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE })

#endif
