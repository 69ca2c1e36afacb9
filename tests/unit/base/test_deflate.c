/* Packing: what inflate.h unpacks is what was packed, and only if it is smaller. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/deflate.h"
#include "base/inflate.h"
#include "lib/heap.h"

#define MIB ((size_t)1 << 20)

static struct deflater *d;

static void set_up(void)
{
    heap_watch();
    d = deflater_new();
    cr_assert_not_null(d);
}

static void tear_down(void)
{
    deflater_free(d);
    cr_assert_eq(heap_live(), 0);
}

TestSuite(deflate, .init = set_up, .fini = tear_down);

/* Words, none of them for long. */
static struct buf *some_text(size_t len, unsigned seed)
{
    static const char *const words[] = { "river ", "lamp ", "of ", "quiet ", "harbour " };
    struct buf *b = buf_new(len + 8);
    while (b->len < len) {
        seed = seed * 1103515245 + 12345;
        cr_assert(buf_append(b, bytes_of_text(words[(seed >> 16) % 5])));
    }
    b->len = len;
    return b;
}

static struct buf *noise(size_t len)
{
    struct buf *b = buf_new(len);
    uint64_t x = 88172645463325252;
    for (; b->len < len; b->len++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        b->data[b->len] = (uint8_t)(x >> 32);
    }
    return b;
}

static void expect_round_trip(struct bytes plain, bool gzip)
{
    struct buf *packed = NULL, *back = NULL;
    cr_assert_eq(deflate_message(d, plain, gzip, &packed), DEFLATE_OK, "%zu bytes", plain.len);
    cr_assert_lt(packed->len, plain.len);
    cr_assert_eq(packed->data[0] == 0x1f, gzip);
    cr_assert_eq(inflate_message(buf_bytes(packed), plain.len, &back), INFLATE_OK);
    cr_assert(bytes_equal(buf_bytes(back), plain));
    buf_unref(packed);
    buf_unref(back);
}

/* One deflater for all: nothing of one message is in the next. */
Test(deflate, what_is_packed_is_unpacked)
{
    static const size_t sizes[] = { 100, 101, 1000, 48 << 10, 160 << 10, 4 * MIB, 300 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            struct buf *b = some_text(sizes[i], (unsigned)i);
            expect_round_trip(buf_bytes(b), gzip);
            buf_unref(b);
        }
}

Test(deflate, a_message_is_packed_the_same_whatever_was_before)
{
    struct buf *b = some_text(5000, 1), *other = some_text(70000, 2), *first, *second, *unused;
    cr_assert_eq(deflate_message(d, buf_bytes(b), true, &first), DEFLATE_OK);
    cr_assert_eq(deflate_message(d, buf_bytes(other), true, &unused), DEFLATE_OK);
    buf_unref(unused);
    cr_assert_eq(deflate_message(d, buf_bytes(b), true, &second), DEFLATE_OK);
    cr_assert(bytes_equal(buf_bytes(first), buf_bytes(second)));
    buf_unref(first);
    buf_unref(second);
    buf_unref(b);
    buf_unref(other);
}

static void expect_not_smaller(struct bytes plain)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        struct buf *packed = NULL;
        cr_assert_eq(deflate_message(d, plain, gzip, &packed), DEFLATE_NOT_SMALLER);
        cr_assert_null(packed);
    }
}

Test(deflate, what_does_not_get_smaller_is_told)
{
    struct buf *b = noise(100000);
    expect_not_smaller(bytes_of("", 0));
    expect_not_smaller(bytes_of("a", 1));
    expect_not_smaller(bytes_of("aaaaaaaa", 8));
    expect_not_smaller(bytes_of(b->data, 100));
    expect_not_smaller(buf_bytes(b)); /* given up in mid message: */
    buf_unref(b);
    b = some_text(1000, 3);
    expect_round_trip(buf_bytes(b), false); /* the next one is none the worse */
    expect_round_trip(buf_bytes(b), true);
    buf_unref(b);
}

/* How long zlib makes it, asked directly. */
static size_t packed_len(struct bytes plain, bool gzip)
{
    uint8_t room[128];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)plain.data,
                   .avail_in = (uInt)plain.len,
                   .next_out = room,
                   .avail_out = sizeof room };
    cr_assert_eq(deflateInit2(&z, 1, Z_DEFLATED, gzip ? 31 : 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t len = z.total_out;
    deflateEnd(&z);
    return len;
}

Test(deflate, the_border_is_exact)
{
    uint8_t run[64];
    bool seen_same = false, seen_one_less = false;
    memset(run, 'a', sizeof run);
    for (int gzip = 0; gzip < 2; gzip++)
        for (size_t len = 1; len < sizeof run; len++) {
            const struct bytes plain = bytes_of(run, len);
            const size_t n = packed_len(plain, gzip);
            struct buf *packed = NULL;
            cr_assert_eq(deflate_message(d, plain, gzip, &packed),
                         n < len ? DEFLATE_OK : DEFLATE_NOT_SMALLER, "%zu bytes make %zu", len, n);
            buf_unref(packed);
            seen_same |= n == len;
            seen_one_less |= n + 1 == len;
        }
    cr_assert(seen_same && seen_one_less);
}

/* zlib's state is taken for the first message of a form, and for no later one. */
Test(deflate, the_state_is_kept)
{
    struct buf *b = some_text(500, 4);
    const size_t before = heap_live();
    expect_round_trip(buf_bytes(b), true);
    const size_t with_one = heap_live();
    cr_assert_gt(with_one, before);
    for (int i = 0; i < 10; i++)
        expect_round_trip(buf_bytes(b), true);
    cr_assert_eq(heap_live(), with_one);
    expect_round_trip(buf_bytes(b), false);
    cr_assert_eq(heap_live() - with_one, with_one - before, "as much for the other");
    buf_unref(b);
}

Test(deflate, a_small_message_takes_the_memory_of_its_result)
{
    struct buf *b = some_text(500, 4), *packed = NULL;
    expect_round_trip(buf_bytes(b), true);
    heap_fail_at(3); /* a buffer is two blocks */
    cr_assert_eq(deflate_message(d, buf_bytes(b), true, &packed), DEFLATE_OK);
    heap_fail_at(0);
    buf_unref(packed);
    buf_unref(b);
}

static bool fails_cleanly_at(unsigned at, struct bytes plain, bool gzip)
{
    struct buf *packed = NULL;
    struct deflater *fresh = deflater_new();
    cr_assert_not_null(fresh);
    heap_fail_at(at);
    const enum deflate_result result = deflate_message(fresh, plain, gzip, &packed);
    const bool failed = heap_failed();
    heap_fail_at(0);
    cr_assert_eq(result, failed ? DEFLATE_NOMEM : DEFLATE_OK, "allocation %u", at);
    cr_assert_eq(packed == NULL, failed);
    buf_unref(packed);
    packed = NULL;
    cr_assert_eq(deflate_message(fresh, plain, gzip, &packed), DEFLATE_OK, "and then it works");
    buf_unref(packed);
    deflater_free(fresh);
    return failed;
}

Test(deflate, each_allocation_fails)
{
    struct buf *text = some_text(3000, 5), *b = noise(60000);
    cr_assert(buf_append(b, buf_bytes(text))); /* so that the result has to grow */
    for (int gzip = 0; gzip < 2; gzip++) {
        unsigned at = 1;
        while (fails_cleanly_at(at, buf_bytes(b), gzip))
            at++;
        cr_assert_gt(at, 8, "only %u", at);
    }
    heap_fail_at(1);
    cr_assert_null(deflater_new());
    heap_fail_at(0);
    buf_unref(text);
    buf_unref(b);
}
