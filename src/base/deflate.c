#include "deflate.h"

#include <stdlib.h>
#include <zlib.h>

/* zlib's window bits say what it packs as. */
#define GZIP_WINDOW  (MAX_WBITS + 16)
#define ZLIB_WINDOW  MAX_WBITS
#define MEMORY_LEVEL 8 /* zlib's default */

#define MIN_STEP_BYTES ((size_t)64)

struct deflater {
    z_stream z[2]; /* zlib's, gzip's */
    bool ready[2];
};

/* So that it counts as ours. */
static void *take_memory(void *unused, uInt items, uInt size)
{
    (void)unused;
    return malloc((size_t)items * size);
}

static void give_back_memory(void *unused, void *p)
{
    (void)unused;
    free(p);
}

struct deflater *deflater_new(void)
{
    return calloc(1, sizeof(struct deflater));
}

void deflater_free(struct deflater *d)
{
    for (int i = 0; d != NULL && i < 2; i++)
        if (d->ready[i])
            deflateEnd(&d->z[i]);
    free(d);
}

/* Ready for the next message. NULL: out of memory. */
static z_stream *begin(struct deflater *d, bool gzip)
{
    z_stream *z = &d->z[gzip];
    if (!d->ready[gzip]) {
        *z = (z_stream){ .zalloc = take_memory, .zfree = give_back_memory };
        d->ready[gzip] = deflateInit2(z, Z_BEST_SPEED, Z_DEFLATED, gzip ? GZIP_WINDOW : ZLIB_WINDOW,
                                      MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    } else {
        deflateReset(z);
    }
    return d->ready[gzip] ? z : NULL;
}

/* The output grows with what there is, and ends one byte before it would be as
 * long as the input. */
static enum deflate_result pack(z_stream *z, size_t max_bytes, struct buf *out)
{
    int rv = Z_OK;
    while (rv == Z_OK) {
        const size_t left = max_bytes - out->len;
        const size_t step = out->len / 2 + MIN_STEP_BYTES;
        if (left == 0)
            return DEFLATE_NOT_SMALLER;
        z->next_out = buf_reserve(out, step < left ? step : left);
        if (z->next_out == NULL)
            return DEFLATE_NOMEM;
        const size_t room = out->cap - out->len < left ? out->cap - out->len : left;
        z->avail_out = (uInt)room;
        rv = deflate(z, Z_FINISH);
        out->len += room - z->avail_out;
    }
    return rv == Z_STREAM_END ? DEFLATE_OK : DEFLATE_NOMEM;
}

enum deflate_result deflate_message(struct deflater *d, struct bytes plain, bool gzip,
                                    struct buf **ret)
{
    if (plain.len == 0 || plain.len > UINT32_MAX) /* gRPC has no longer ones */
        return DEFLATE_NOT_SMALLER;
    z_stream *z = begin(d, gzip);
    struct buf *out = z != NULL ? buf_new(plain.len / 4 + MIN_STEP_BYTES) : NULL;
    if (out == NULL)
        return DEFLATE_NOMEM;
    z->next_in = (Bytef *)(uintptr_t)plain.data;
    z->avail_in = (uInt)plain.len;
    const enum deflate_result result = pack(z, plain.len - 1, out);
    z->next_in = NULL;
    if (result == DEFLATE_OK)
        *ret = out;
    else
        buf_unref(out);
    return result;
}
