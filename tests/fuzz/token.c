/* Page tokens: any text is refused or understood, and what is understood is
 * what would be written. */
#include "fuzz.h"
#include "streams/page_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct page_token t = { .store_id = fuzz_byte(&in), .binding = fuzz_byte(&in) };
    struct page_token read;
    char text[PAGE_TOKEN_TEXT_MAX];
    if (page_token_read(in, t.store_id, t.binding, &read) == PAGE_TOKEN_OK) {
        const size_t len = page_token_write(&read, text);
        cr_assert(bytes_equal(bytes_of(text, len), in));
    }
    /* And the other way round: any position survives. */
    t.at = (struct position){ fuzz_byte(&in), fuzz_byte(&in) * UINT64_C(0x0123456789abcdef) };
    t.follows = fuzz_byte(&in) & 1;
    if (t.follows) {
        t.in_changes = fuzz_byte(&in) & 1;
        t.revision = fuzz_byte(&in) * UINT64_C(0x0123456789abcdef);
    }
    const size_t len = page_token_write(&t, text);
    cr_assert_eq(page_token_read(bytes_of(text, len), t.store_id, t.binding, &read), PAGE_TOKEN_OK);
    cr_assert(read.at.group == t.at.group && read.at.sequence == t.at.sequence &&
              read.revision == t.revision && read.in_changes == t.in_changes);
    return 0;
}
