/* gRPC's framing: bytes that come in pieces make the messages, and the end, that
 * they make as a whole; and no more is kept than twice what came. */
#include <stdlib.h>

#include "base/buf.h"
#include "fuzz.h"
#include "weir/http/deframe.h"

#define CUTS 16

static void put(struct buf *b, uint8_t flag, struct bytes message)
{
    const uint32_t head[] = { flag, (uint32_t)message.len };
    cr_assert(buf_append(b, bytes_of(head, sizeof head)));
    cr_assert(buf_append(b, message));
}

/* The plain reading, of all of them at once. */
static enum deframe read_whole(struct bytes in, size_t max_bytes, struct buf *ret)
{
    while (in.len > 0) {
        if (in.data[0] > 1)
            return DEFRAME_BAD_FLAG;
        if (in.len < 5)
            return DEFRAME_MORE;
        const size_t len = (size_t)in.data[1] << 24 | (size_t)in.data[2] << 16 |
                           (size_t)in.data[3] << 8 | in.data[4];
        if (len > max_bytes)
            return DEFRAME_TOO_LARGE;
        if (in.len - 5 < len)
            return DEFRAME_MORE;
        put(ret, in.data[0], bytes_of(in.data + 5, len));
        in = bytes_of(in.data + 5 + len, in.len - 5 - len);
    }
    return DEFRAME_MESSAGE; /* it ends with one */
}

static enum deframe feed(struct deframer *d, struct bytes piece, size_t max_bytes, struct buf *ret)
{
    uint8_t *copy = malloc(piece.len + 1); /* gone before the next piece */
    struct bytes in, message;
    bool compressed;
    enum deframe result;
    memcpy(copy, piece.data, piece.len);
    in = bytes_of(copy, piece.len);
    while ((result = deframer_next(d, &in, max_bytes, &message, &compressed)) == DEFRAME_MESSAGE)
        put(ret, compressed, message);
    cr_assert(result != DEFRAME_MORE || in.len == 0);
    free(copy);
    return result;
}

static enum deframe read_pieces(struct bytes in, struct bytes cuts, size_t max_bytes,
                                struct buf *ret)
{
    struct deframer d = { 0 };
    enum deframe result = DEFRAME_MORE;
    size_t came = 0;
    while (result == DEFRAME_MORE && in.len > 0) {
        const size_t cut = cuts.len > 0 ? fuzz_byte(&cuts) : in.len;
        const struct bytes piece = fuzz_bytes(&in, cut);
        came += piece.len;
        result = feed(&d, piece, max_bytes, ret);
        cr_assert_leq(deframer_bytes(&d), came < 128 ? 256 : 2 * came);
    }
    if (result == DEFRAME_MORE && deframer_is_between(&d))
        result = DEFRAME_MESSAGE;
    deframer_clear(&d);
    cr_assert_eq(deframer_bytes(&d), 0);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const size_t max_bytes = (size_t)fuzz_byte(&in) << (fuzz_byte(&in) % 16);
    const struct bytes cuts = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    struct buf *whole = buf_new(0), *pieces = buf_new(0);
    const enum deframe end = read_whole(in, max_bytes, whole);
    cr_assert_eq(read_pieces(in, cuts, max_bytes, pieces), end);
    cr_assert(bytes_equal(buf_bytes(pieces), buf_bytes(whole)));
    buf_unref(whole);
    buf_unref(pieces);
    return 0;
}
