/* Bodies without heads: bytes that come in pieces make the lines, or the whole, that they make
 * at once; and what is kept is bounded. */
#include <stdlib.h>

#include "base/buf.h"
#include "fuzz.h"
#include "weir/http/gather.h"

#define CUTS 16

typedef enum deframe gather_fn(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                               struct bytes *ret);

static void put(struct buf *b, struct bytes message)
{
    const uint32_t len = (uint32_t)message.len;
    cr_assert(buf_append(b, bytes_of(&len, sizeof len)));
    cr_assert(buf_append(b, message));
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (strchr(" \t\r", line.data[i]) == NULL || line.data[i] == '\0')
            return false;
    return true;
}

/* The plain reading. */
static enum deframe read_lines(struct bytes in, size_t max_bytes, struct buf *ret)
{
    while (in.len > 0) {
        size_t n = 0;
        while (n < in.len && in.data[n] != '\n')
            n++;
        if (n > max_bytes)
            return DEFRAME_TOO_LARGE;
        const struct bytes line = fuzz_bytes(&in, n);
        fuzz_bytes(&in, 1);
        if (!is_blank(line))
            put(ret, line);
    }
    return DEFRAME_MORE;
}

static enum deframe feed(struct gather *g, gather_fn *next, struct bytes piece, bool ended,
                         size_t max_bytes, struct buf *ret)
{
    uint8_t *copy = malloc(piece.len + 1); /* gone before the next piece */
    struct bytes in, message;
    enum deframe result;
    if (piece.len > 0)
        memcpy(copy, piece.data, piece.len);
    in = bytes_of(copy, piece.len);
    while ((result = next(g, &in, ended, max_bytes, &message)) == DEFRAME_MESSAGE)
        put(ret, message);
    cr_assert(result != DEFRAME_MORE || in.len == 0);
    free(copy);
    return result;
}

static enum deframe read_pieces(gather_fn *next, struct bytes in, struct bytes cuts,
                                size_t max_bytes, struct buf *ret)
{
    struct gather g = { 0 };
    enum deframe result = DEFRAME_MORE;
    while (result == DEFRAME_MORE && in.len > 0) {
        const size_t cut = cuts.len > 0 ? fuzz_byte(&cuts) : in.len;
        result = feed(&g, next, fuzz_bytes(&in, cut), false, max_bytes, ret);
        cr_assert_leq(gather_bytes(&g), max_bytes < 256 ? 512 : 2 * max_bytes);
    }
    if (result == DEFRAME_MORE)
        result = feed(&g, next, bytes_of("", 0), true, max_bytes, ret);
    cr_assert(result != DEFRAME_MORE || gather_is_between(&g));
    gather_clear(&g);
    cr_assert_eq(gather_bytes(&g), 0);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const size_t max_bytes = (size_t)fuzz_byte(&in) << (fuzz_byte(&in) % 16);
    const struct bytes cuts = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    struct buf *whole = buf_new(0), *pieces = buf_new(0), *all = buf_new(0);
    const enum deframe end = read_lines(in, max_bytes, whole);
    cr_assert_eq(read_pieces(gather_line, in, cuts, max_bytes, pieces), end);
    cr_assert(end != DEFRAME_MORE || bytes_equal(buf_bytes(pieces), buf_bytes(whole)));
    pieces->len = 0;
    const enum deframe once = read_pieces(gather_whole, in, cuts, max_bytes, pieces);
    cr_assert_eq(once, in.len > max_bytes ? DEFRAME_TOO_LARGE : DEFRAME_MORE);
    put(all, in);
    cr_assert(once != DEFRAME_MORE || bytes_equal(buf_bytes(pieces), buf_bytes(all)));
    buf_unref(all);
    buf_unref(whole);
    buf_unref(pieces);
    return 0;
}
