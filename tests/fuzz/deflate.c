/* Packing: what is packed is smaller, and unpacks to what it was; and what came
 * before, on the same deflater, makes no difference. */
#include <stdlib.h>

#include "base/deflate.h"
#include "base/inflate.h"
#include "fuzz.h"

static void check(struct deflater *d, struct bytes plain, bool gzip)
{
    struct buf *packed = NULL, *again = NULL, *back = NULL;
    static struct deflater *other;
    if (other == NULL)
        other = deflater_new();
    const enum deflate_result result = deflate_message(d, plain, gzip, &packed);
    cr_assert_eq(deflate_message(other, plain, gzip, &again), result);
    if (result == DEFLATE_OK) {
        cr_assert_lt(packed->len, plain.len);
        cr_assert(bytes_equal(buf_bytes(packed), buf_bytes(again)));
        cr_assert_eq(inflate_message(buf_bytes(packed), plain.len, &back), INFLATE_OK);
        cr_assert(bytes_equal(buf_bytes(back), plain));
    }
    cr_assert(result == DEFLATE_OK || (result == DEFLATE_NOT_SMALLER && packed == NULL));
    buf_unref(packed);
    buf_unref(again);
    buf_unref(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct deflater *d = deflater_new();
    while (in.len > 0) {
        const uint8_t how = fuzz_byte(&in);
        check(d, fuzz_bytes(&in, (size_t)(how >> 1) * (how >> 1)), how & 1);
    }
    deflater_free(d);
    return 0;
}
