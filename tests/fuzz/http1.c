/* HTTP/1's heads and bodies: cut anywhere they say the same; a head that is taken is one that
 * the plainest reader would understand so; and what a body gives is what came. */
#include <stdlib.h>

#include "base/buf.h"
#include "fuzz.h"
#include "weir/http/h1_body.h"
#include "weir/http/h1_head.h"

#define CUTS 16

/* Where the head ends, however it was cut. */
static size_t find_end(struct bytes in, struct bytes cuts, bool *ret_bad)
{
    size_t came = 0, seen = 0, len = 0;
    while (came < in.len && len == 0 && !*ret_bad) {
        const size_t cut = cuts.len > 0 ? fuzz_byte(&cuts) : in.len - came;
        came = cut < in.len - came ? came + cut : in.len;
        len = h1_head_length(in.data, came, seen, ret_bad);
        seen = came;
    }
    return len;
}

static bool lies_in(struct bytes part, const uint8_t *block, size_t len)
{
    return part.data >= block && part.data + part.len <= block + len;
}

/* What no smuggler may find in a head that is taken. */
static void check_head(const struct h1_head *h, const uint8_t *block, size_t len)
{
    cr_assert(!(h->chunked && h->has_length));
    cr_assert(!(h->chunked && h->minor == 0));
    cr_assert(h->path.len > 0 && h->path.data[h->path.len] == '\0');
    for (size_t i = 0; i < h->n; i++) {
        const struct h1_field *f = &h->fields[i];
        cr_assert(lies_in(f->name, block, len) && lies_in(f->value, block, len));
        cr_assert_eq(f->value.data[f->value.len], '\0');
        cr_assert_null(memchr(f->value.data, '\r', f->value.len));
        cr_assert_null(memchr(f->value.data, '\n', f->value.len));
        cr_assert(!bytes_equal(f->name, bytes_of_text("content-length")));
        cr_assert(!bytes_equal(f->name, bytes_of_text("transfer-encoding")));
    }
}

/* How a body ended, and its content. */
static enum h1_body_result read_body(struct bytes in, struct bytes cuts, bool chunked,
                                     uint64_t length, struct buf *ret, size_t *ret_used)
{
    struct h1_body b;
    enum h1_body_result result = H1_BODY_MORE;
    const size_t all = in.len;
    h1_body_begin(&b, chunked, length);
    while (result == H1_BODY_MORE && in.len > 0) {
        struct bytes piece = fuzz_bytes(&in, cuts.len > 0 ? fuzz_byte(&cuts) : in.len), content;
        while ((result = h1_body_next(&b, &piece, &content)) == H1_BODY_DATA) {
            cr_assert(content.len > 0);
            cr_assert(buf_append(ret, content));
        }
        in = bytes_of(in.data - piece.len, in.len + piece.len);
    }
    if (h1_body_is_over(&b))
        result = H1_BODY_END;
    *ret_used = all - in.len;
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size), piece;
    const struct bytes cuts = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    bool bad = false, bad_whole = false;
    struct h1_head head = { 0 };
    const size_t len = find_end(in, cuts, &bad);
    cr_assert_eq(find_end(in, bytes_of(NULL, 0), &bad_whole), len);
    cr_assert_eq(bad, bad_whole);
    struct buf *block = buf_copy(bytes_of(in.data, len)), *whole = buf_new(0), *cut = buf_new(0);
    if (len > 0 && h1_head_parse(&head, block->data, len) == 0)
        check_head(&head, block->data, len);
    (void)fuzz_bytes(&in, len);
    piece = in;
    size_t used, used_whole;
    const bool chunked = head.chunked || len == 0;
    const enum h1_body_result end = read_body(piece, cuts, chunked, head.length, cut, &used);
    const enum h1_body_result end_whole =
        read_body(piece, bytes_of(NULL, 0), chunked, head.length, whole, &used_whole);
    cr_assert_eq(end, end_whole);
    cr_assert(end == H1_BODY_BAD || used == used_whole);
    cr_assert(bytes_equal(buf_bytes(whole), buf_bytes(cut)));
    buf_unref(block);
    buf_unref(whole);
    buf_unref(cut);
    return 0;
}
