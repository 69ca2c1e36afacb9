/* Base64 in pieces: what was encoded in pieces comes back, cut anywhere; and other text is
 * refused, or says the same however it is cut. */
#include "weir/http/base64_stream.h"
#include "base/buf.h"
#include "fuzz.h"

#define CUTS 16

static enum base64_result decode(struct bytes text, struct bytes cuts, struct buf *to)
{
    struct base64_stream b = { 0 };
    enum base64_result result = BASE64_OK;
    while (result == BASE64_OK && text.len > 0) {
        const size_t cut = cuts.len > 0 ? fuzz_byte(&cuts) : text.len;
        result = base64_stream_decode(&b, fuzz_bytes(&text, cut), to);
    }
    return result;
}

static void encode(struct bytes in, struct bytes cuts, struct buf *to)
{
    while (in.len > 0)
        cr_assert(
            base64_stream_encode(fuzz_bytes(&in, cuts.len > 0 ? fuzz_byte(&cuts) : in.len), to));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const struct bytes cuts = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    const struct bytes others = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    struct buf *text = buf_new(0), *back = buf_new(0), *again = buf_new(0);
    encode(in, cuts, text);
    cr_assert_eq(text->len % 4, 0);
    cr_assert_eq(decode(buf_bytes(text), others, back), BASE64_OK);
    cr_assert(bytes_equal(buf_bytes(back), in));
    back->len = 0;
    const enum base64_result whole = decode(in, bytes_of(NULL, 0), back);
    cr_assert_eq(decode(in, others, again), whole);
    cr_assert(whole != BASE64_OK || bytes_equal(buf_bytes(again), buf_bytes(back)));
    buf_unref(text);
    buf_unref(back);
    buf_unref(again);
    return 0;
}
