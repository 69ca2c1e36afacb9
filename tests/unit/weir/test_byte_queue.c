/* The queue of bytes against a plain model of it, and what it holds on to. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/heap.h"
#include "lib/leaks.h"
#include "weir/http/byte_queue.h"

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

static void add(struct byte_queue *q, size_t first, size_t n)
{
    uint8_t *bytes = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = pattern(first + i);
    cr_assert(byte_queue_add(q, bytes_of(bytes, n)));
    free(bytes);
}

static void expect(const struct byte_queue *q, size_t first, size_t n)
{
    const struct bytes b = byte_queue_bytes(q);
    cr_assert_eq(b.len, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(b.data[i], pattern(first + i), "byte %zu", first + i);
}

Test(byte_queue, keeps_order_whatever_is_added_and_taken)
{
    struct byte_queue q = { 0 };
    size_t added = 0, taken = 0;
    srand(7);
    for (int i = 0; i < 3000; i++) {
        const size_t n = (size_t)rand() % (i % 50 == 0 ? 20000 : 300);
        add(&q, added, n);
        added += n;
        const size_t drop = (size_t)rand() % (added - taken + 1);
        byte_queue_take(&q, drop);
        taken += drop;
        if (i % 7 == 0)
            byte_queue_trim(&q);
        expect(&q, taken, added - taken);
    }
    byte_queue_clear(&q);
    assert_no_leaks();
}

Test(byte_queue, empty_it_holds_nothing)
{
    struct byte_queue q = { 0 };
    heap_watch();
    cr_expect_eq(byte_queue_bytes(&q).len, 0);
    add(&q, 0, 5000);
    byte_queue_take(&q, 4999);
    cr_expect_eq(heap_live(), 1);
    byte_queue_take(&q, 1);
    cr_expect_eq(heap_live(), 0);
    cr_assert(byte_queue_reserve(&q, 100));
    byte_queue_trim(&q);
    cr_expect_eq(heap_live(), 0, "room that was not used");
}

Test(byte_queue, what_is_left_of_much_does_not_hold_all_of_it)
{
    struct byte_queue q = { 0 };
    add(&q, 0, 100000);
    byte_queue_take(&q, 99000);
    byte_queue_trim(&q);
    cr_expect_leq(q.cap, 3000);
    expect(&q, 99000, 1000);
    byte_queue_clear(&q);
}

Test(byte_queue, room_that_was_made_is_there)
{
    struct byte_queue q = { 0 };
    cr_assert(byte_queue_reserve(&q, 70000));
    const uint8_t *data = q.data;
    heap_fail_at(1);
    for (size_t i = 0; i < 7; i++)
        add(&q, i * 10000, 10000);
    cr_expect_eq(q.data, data);
    cr_expect_not(heap_failed());
    heap_fail_at(0);
    byte_queue_clear(&q);
}

/* Half full again and again, as the output of a slow reader. */
Test(byte_queue, a_queue_in_use_stays_small)
{
    struct byte_queue q = { 0 };
    add(&q, 0, 6000);
    for (size_t i = 0; i < 100000; i++) {
        add(&q, 6000 + i * 100, 100);
        byte_queue_take(&q, 100);
    }
    cr_expect_leq(q.cap, 20000);
    expect(&q, 100000 * 100, 6000);
    byte_queue_clear(&q);
}

Test(byte_queue, without_memory_it_stays_as_it_was)
{
    struct byte_queue q = { 0 };
    heap_fail_at(1);
    cr_expect_not(byte_queue_add(&q, bytes_of_text("x")));
    cr_expect_not(byte_queue_reserve(&q, SIZE_MAX));
    add(&q, 0, 5000);
    byte_queue_take(&q, 4000);
    heap_fail_at(1);
    cr_expect_not(byte_queue_reserve(&q, 1 << 20));
    expect(&q, 4000, 1000);
    cr_expect_not(byte_queue_reserve(&q, SIZE_MAX - 10));
    heap_fail_at(1);
    byte_queue_trim(&q);
    cr_expect(heap_failed());
    expect(&q, 4000, 1000);
    byte_queue_clear(&q);
}
