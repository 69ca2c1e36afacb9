/* Unpacking: what was packed comes out again, up to the limit and not a byte
 * more; and of any other bytes what zlib itself makes of them. */
#include <stdlib.h>
#include <zlib.h>

#include "base/inflate.h"
#include "fuzz.h"

#define MAX_BYTES 4096

static void check_packed(struct bytes plain, bool gzip)
{
    static uint8_t packed[1 << 20];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)plain.data,
                   .avail_in = (uInt)plain.len,
                   .next_out = packed,
                   .avail_out = sizeof packed };
    struct buf *out = NULL;
    deflateInit2(&z, 1, Z_DEFLATED, gzip ? MAX_WBITS + 16 : MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    const bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&z);
    if (!whole)
        return;
    const struct bytes all = bytes_of(packed, z.total_out);
    cr_assert_eq(inflate_message(all, plain.len, &out), INFLATE_OK);
    cr_assert(bytes_equal(buf_bytes(out), plain));
    buf_unref(out);
    if (plain.len > 0)
        cr_assert_eq(inflate_message(all, plain.len - 1, &out), INFLATE_TOO_LARGE);
}

/* zlib's other way in, for what it calls zlib. */
static void check_zlib(struct bytes packed, enum inflate_result result, const struct buf *out)
{
    uint8_t room[MAX_BYTES];
    uLongf len = sizeof room;
    uLong used = packed.len;
    const int rv = uncompress2(room, &len, packed.data, &used);
    const bool good = rv == Z_OK && used == packed.len;
    cr_assert_eq(result == INFLATE_OK, good);
    cr_assert(!good || bytes_equal(buf_bytes(out), bytes_of(room, len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct buf *out = NULL;
    const uint8_t how = fuzz_byte(&in);
    if (how & 1)
        check_packed(in, how & 2);
    const enum inflate_result result = inflate_message(in, MAX_BYTES, &out);
    if (in.len > 0 && in.data[0] != 0x1f)
        check_zlib(in, result, out);
    cr_assert(result == INFLATE_OK ? out->len <= MAX_BYTES : out == NULL);
    buf_unref(out);
    return 0;
}
