#include "inflate.h"

#include <zlib.h>

#define STEP_BYTES ((size_t)32 << 10)

/* zlib's window bits say what it unpacks. */
#define GZIP_FIRST_BYTE 0x1f /* of no zlib header */
#define GZIP_WINDOW     (MAX_WBITS + 16)
#define ZLIB_WINDOW     MAX_WBITS

/* Unpacks up to the end of the input or of the member. One byte over the limit
 * is unpacked, to see that there is more. */
static enum inflate_result unpack_member(z_stream *z, size_t max_bytes, struct buf *out)
{
    int rv = Z_OK;
    while (rv != Z_STREAM_END) {
        const size_t left = max_bytes + 1 - out->len;
        const size_t step = left < STEP_BYTES ? left : STEP_BYTES;
        z->next_out = buf_reserve(out, step);
        if (z->next_out == NULL)
            return INFLATE_NOMEM;
        z->avail_out = (uInt)step;
        rv = inflate(z, Z_NO_FLUSH);
        out->len += step - z->avail_out;
        if (out->len > max_bytes)
            return INFLATE_TOO_LARGE;
        if (rv == Z_MEM_ERROR)
            return INFLATE_NOMEM;
        if (rv != Z_OK && rv != Z_STREAM_END) /* Z_BUF_ERROR: it is cut short */
            return INFLATE_DAMAGED;
    }
    return INFLATE_OK;
}

static enum inflate_result unpack(z_stream *z, bool gzip, size_t max_bytes, struct buf *out)
{
    enum inflate_result result = unpack_member(z, max_bytes, out);
    while (result == INFLATE_OK && z->avail_in > 0) {
        if (!gzip || inflateReset(z) != Z_OK)
            return INFLATE_DAMAGED;
        result = unpack_member(z, max_bytes, out);
    }
    return result;
}

enum inflate_result inflate_message(struct bytes packed, size_t max_bytes, struct buf **ret)
{
    const bool gzip = packed.len > 0 && packed.data[0] == GZIP_FIRST_BYTE;
    z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.data, .avail_in = (uInt)packed.len };
    if (packed.len != z.avail_in)
        return INFLATE_TOO_LARGE;
    if (inflateInit2(&z, gzip ? GZIP_WINDOW : ZLIB_WINDOW) != Z_OK)
        return INFLATE_NOMEM;
    struct buf *out = buf_new(0);
    enum inflate_result result = INFLATE_NOMEM;
    if (out != NULL)
        result = unpack(&z, gzip, max_bytes, out);
    inflateEnd(&z);
    if (result == INFLATE_OK)
        *ret = out;
    else
        buf_unref(out);
    return result;
}
