/* Page tokens: any text is refused or understood, and what is understood is
 * what would be written. */
#include "streams/token.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct token t = { .store_id = fuzz_byte(&in), .binding = fuzz_byte(&in) };
    struct position at;
    char text[TOKEN_TEXT];
    if (token_read(in, t.store_id, t.binding, &at) == TOKEN_OK) {
        t.at = at;
        token_write(&t, text);
        cr_assert(bytes_equal(bytes_of(text, sizeof text), in));
    }
    /* And the other way round: any position survives. */
    t.at = (struct position){ fuzz_byte(&in), fuzz_byte(&in) * UINT64_C(0x0123456789abcdef) };
    token_write(&t, text);
    cr_assert_eq(token_read(bytes_of(text, sizeof text), t.store_id, t.binding, &at), TOKEN_OK);
    cr_assert(at.group == t.at.group && at.sequence == t.at.sequence);
    return 0;
}
