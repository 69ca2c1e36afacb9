#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "lib/leaks.h"

Test(buf, grows_and_keeps_its_bytes)
{
    struct buf *b = buf_new(0);
    for (int i = 0; i < 10000; i++) {
        const uint8_t byte = (uint8_t)i;
        cr_assert(buf_append(b, bytes_of(&byte, 1)));
    }
    cr_assert_eq(b->len, 10000);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(b->data[i], (uint8_t)i);
    buf_unref(b);
    buf_unref(NULL);
    assert_no_leaks();
}

Test(buf, shared_it_fills_up_but_does_not_move)
{
    struct buf *b = buf_new(8);
    const uint8_t *data = b->data;
    cr_assert(buf_append(b, bytes_of_text("1234")));
    struct buf *sent = buf_ref(b);
    cr_assert(buf_append(b, bytes_of_text("5678")));
    cr_assert_not(buf_append(b, bytes_of_text("9")));
    cr_assert_null(buf_reserve(b, 1));
    cr_assert_eq(b->data, data);
    cr_assert_eq(b->len, 8);
    buf_unref(sent);
    cr_assert(buf_append(b, bytes_of_text("9")), "alone again");
    cr_assert(bytes_equal(buf_bytes(b), bytes_of_text("123456789")));
    buf_unref(b);
    assert_no_leaks();
}

Test(buf, refuses_what_no_memory_can_hold)
{
    struct buf *b = buf_copy(bytes_of_text("x"));
    cr_assert_null(buf_reserve(b, SIZE_MAX));
    cr_assert_null(buf_reserve(b, SIZE_MAX - 1));
    cr_assert_null(buf_reserve(b, SIZE_MAX / 2));
    cr_assert_eq(b->len, 1);
    cr_assert_eq(b->data[0], 'x');
    buf_unref(b);
    assert_no_leaks();
}

Test(buf, appends_nothing)
{
    struct buf *b = buf_new(0);
    cr_assert(buf_append(b, (struct bytes){ 0 }));
    cr_assert_eq(b->len, 0);
    buf_unref(b);
}
