/* Page tokens: any text is refused or understood, and what is understood is
 * what would be written. */
#include "fuzz.h"
#include "streams/page_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct page_token t = { .store_id = fuzz_byte(&in), .binding = fuzz_byte(&in) };
    struct position at;
    char text[PAGE_TOKEN_TEXT];
    if (page_token_read(in, t.store_id, t.binding, &at) == PAGE_TOKEN_OK) {
        t.at = at;
        page_token_write(&t, text);
        cr_assert(bytes_equal(bytes_of(text, sizeof text), in));
    }
    /* And the other way round: any position survives. */
    t.at = (struct position){ fuzz_byte(&in), fuzz_byte(&in) * UINT64_C(0x0123456789abcdef) };
    page_token_write(&t, text);
    cr_assert_eq(page_token_read(bytes_of(text, sizeof text), t.store_id, t.binding, &at),
                 PAGE_TOKEN_OK);
    cr_assert(at.group == t.at.group && at.sequence == t.at.sequence);
    return 0;
}
