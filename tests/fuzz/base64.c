/* Base64: what was written is read; and what is read would be written so, but for
 * padding and for the bits that stand for nothing. */
#include <stdlib.h>

#include "base/base64.h"
#include "fuzz.h"

/* In blocks of just the size, as everything that a sanitizer is to watch. */
static void check_bytes(struct bytes in, enum base64_alphabet alphabet)
{
    char *text = malloc(base64_text_len(in.len) + 1);
    const size_t n = base64_encode(text, in, alphabet);
    uint8_t *back = malloc(base64_room(n) + 1);
    size_t len = 0;
    cr_assert_eq(n, base64_text_len(in.len));
    cr_assert(base64_decode(back, bytes_of(text, n), alphabet, &len));
    cr_assert(bytes_equal(bytes_of(back, len), in));
    free(text);
    free(back);
}

static void check_text(struct bytes in, enum base64_alphabet alphabet)
{
    uint8_t *to = malloc(base64_room(in.len) + (in.len == 0));
    char *again = malloc(in.len + 4);
    size_t len = 0;
    if (base64_decode(to, in, alphabet, &len)) {
        const size_t n = base64_encode(again, bytes_of(to, len), alphabet);
        cr_assert(n <= in.len && in.len - n <= 2);
        cr_assert(n == 0 || memcmp(again, in.data, n - 1) == 0);
        cr_assert(len % 3 > 0 || bytes_equal(bytes_of(again, n), in));
    }
    free(to);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const enum base64_alphabet alphabet = fuzz_byte(&in) & 1;
    check_bytes(in, alphabet);
    check_text(in, alphabet);
    return 0;
}
