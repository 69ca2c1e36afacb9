/* gRPC's framing, with the bytes cut in every way. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/buf.h"
#include "lib/heap.h"
#include "weir/http/deframe.h"

#define MIB ((size_t)1 << 20)

static struct deframer d;
static struct bytes message;
static bool compressed;

static void put(struct buf *b, uint8_t flag, const char *text)
{
    const size_t len = strlen(text);
    const uint8_t head[] = { flag, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                             (uint8_t)len };
    cr_assert(buf_append(b, bytes_of(head, sizeof head)));
    cr_assert(buf_append(b, bytes_of(text, len)));
}

static enum deframe next(struct bytes *input)
{
    return deframer_next(&d, input, MIB, &message, &compressed);
}

static void expect_message(struct bytes *input, const char *text, bool packed)
{
    cr_assert_eq(next(input), DEFRAME_MESSAGE);
    cr_assert(bytes_equal(message, bytes_of_text(text)), "%s", text);
    cr_assert_eq(compressed, packed);
}

static bool lies_in(struct bytes part, const struct buf *b)
{
    return part.data >= b->data && part.data + part.len <= b->data + b->len;
}

Test(deframe, whole_messages_are_not_copied)
{
    struct buf *b = buf_new(0);
    put(b, 0, "one");
    put(b, 1, "");
    put(b, 1, "three");
    struct bytes input = buf_bytes(b);
    expect_message(&input, "one", false);
    cr_assert(lies_in(message, b));
    expect_message(&input, "", true);
    expect_message(&input, "three", true);
    cr_assert(lies_in(message, b));
    cr_assert_eq(input.len, 0);
    cr_assert_eq(next(&input), DEFRAME_MORE);
    cr_assert(deframer_is_between(&d));
    cr_assert_eq(deframer_bytes(&d), 0);
    buf_unref(b);
}

/* A piece of its own block, which is gone before the next: what is handed on
 * later cannot lie in it. */
static size_t feed(struct bytes piece, struct buf *got)
{
    uint8_t *copy = malloc(piece.len > 0 ? piece.len : 1);
    struct bytes input = bytes_of(copy, piece.len);
    size_t n = 0;
    if (piece.len > 0)
        memcpy(copy, piece.data, piece.len);
    while (next(&input) == DEFRAME_MESSAGE) {
        put(got, compressed, "");
        cr_assert(buf_append(got, message));
        n++;
    }
    cr_assert_eq(input.len, 0, "all of it is taken");
    free(copy);
    return n;
}

/* What feed() makes of these. */
static struct buf *three_messages(struct buf *b)
{
    struct buf *expected = buf_new(0);
    static const char *const texts[] = { "", "abc", "a longer one" };
    for (size_t i = 0; i < 3; i++) {
        put(b, i & 1, texts[i]);
        put(expected, i & 1, "");
        cr_assert(buf_append(expected, bytes_of_text(texts[i])));
    }
    return expected;
}

Test(deframe, cut_at_any_two_places)
{
    struct buf *b = buf_new(0), *expected = three_messages(b), *got = buf_new(0);
    for (size_t i = 0; i <= b->len; i++)
        for (size_t k = i; k <= b->len; k++) {
            got->len = 0;
            size_t n = feed(bytes_of(b->data, i), got);
            n += feed(bytes_of(b->data + i, k - i), got);
            n += feed(bytes_of(b->data + k, b->len - k), got);
            cr_assert_eq(n, 3, "cut at %zu and %zu", i, k);
            cr_assert(bytes_equal(buf_bytes(got), buf_bytes(expected)), "cut at %zu and %zu", i, k);
            cr_assert(deframer_is_between(&d));
            cr_assert_eq(deframer_bytes(&d), 0);
        }
    buf_unref(b);
    buf_unref(expected);
    buf_unref(got);
}

Test(deframe, byte_by_byte)
{
    struct buf *b = buf_new(0), *expected = three_messages(b), *got = buf_new(0);
    for (size_t i = 0; i < b->len; i++)
        feed(bytes_of(b->data + i, 1), got);
    cr_assert(bytes_equal(buf_bytes(got), buf_bytes(expected)));
    buf_unref(b);
    buf_unref(expected);
    buf_unref(got);
}

Test(deframe, only_between_messages_may_a_stream_end)
{
    struct buf *b = buf_new(0), *got = buf_new(0);
    put(b, 0, "abc");
    cr_assert(deframer_is_between(&d));
    for (size_t i = 0; i < b->len; i++) {
        feed(bytes_of(b->data + i, 1), got);
        cr_assert_eq(deframer_is_between(&d), i + 1 == b->len, "after %zu bytes", i + 1);
    }
    buf_unref(b);
    buf_unref(got);
    deframer_clear(&d);
}

/* Whatever lies whole in what came is not copied, even if its head was cut. */
Test(deframe, only_the_head_was_cut)
{
    struct buf *b = buf_new(0);
    put(b, 0, "abc");
    struct bytes head = bytes_of(b->data, 3), rest = bytes_of(b->data + 3, b->len - 3);
    cr_assert_eq(next(&head), DEFRAME_MORE);
    expect_message(&rest, "abc", false);
    cr_assert(lies_in(message, b));
    cr_assert_eq(deframer_bytes(&d), 0);
    buf_unref(b);
}

Test(deframe, the_limit_is_seen_in_the_head)
{
    static const uint8_t exact[] = { 0, 0, 0x10, 0, 0 }, more[] = { 1, 0, 0x10, 0, 1 };
    static const uint8_t most[] = { 0, 0xff, 0xff, 0xff, 0xff };
    struct bytes input = bytes_of(exact, 5);
    cr_assert_eq(next(&input), DEFRAME_MORE);
    deframer_clear(&d);
    input = bytes_of(more, 4);
    cr_assert_eq(next(&input), DEFRAME_MORE);
    input = bytes_of(more + 4, 1);
    cr_assert_eq(next(&input), DEFRAME_TOO_LARGE);
    deframer_clear(&d);
    input = bytes_of(most, 5);
    cr_assert_eq(next(&input), DEFRAME_TOO_LARGE);
    deframer_clear(&d);
    cr_assert_eq(deframer_next(&d, &(struct bytes){ (const uint8_t *)"\0\0\0\0\0", 5 }, 0, &message,
                               &compressed),
                 DEFRAME_MESSAGE, "an empty one is within every limit");
}

Test(deframe, there_are_two_flags)
{
    for (int flag = 2; flag < 256; flag++) {
        const uint8_t byte = (uint8_t)flag;
        struct bytes input = bytes_of(&byte, 1);
        cr_assert_eq(next(&input), DEFRAME_BAD_FLAG, "flag %d", flag);
        deframer_clear(&d);
    }
}

/* Memory follows what came, never the head. */
Test(deframe, a_head_costs_nothing)
{
    static const uint8_t head[] = { 0, 0, 0x10, 0, 0 }; /* 1 MiB */
    uint8_t *zeros = calloc(1, MIB);
    struct bytes input = bytes_of(head, sizeof head);
    heap_watch();
    cr_assert_eq(next(&input), DEFRAME_MORE);
    cr_assert_eq(heap_live(), 0);
    for (size_t came = 0, step = 1; came < MIB; came += step, step = step * 3 % 9973 + 1) {
        if (step > MIB - came)
            step = MIB - came;
        input = bytes_of(zeros, step);
        const enum deframe result = next(&input);
        const size_t has = came + step;
        cr_assert_leq(deframer_bytes(&d), has < 128 ? 256 : 2 * has, "after %zu bytes", has);
        cr_assert_eq(result, has < MIB ? DEFRAME_MORE : DEFRAME_MESSAGE);
    }
    cr_assert_eq(message.len, MIB);
    cr_assert(deframer_bytes(&d) == MIB && heap_live() == 1);
    cr_assert_eq(next(&input), DEFRAME_MORE, "and it is given back with the next call");
    cr_assert(deframer_bytes(&d) == 0 && heap_live() == 0);
    free(zeros);
}

Test(deframe, a_small_message_is_not_rounded_up)
{
    static const uint8_t begun[] = { 0, 0, 0, 0, 10, 'x' };
    struct bytes input = bytes_of(begun, sizeof begun);
    cr_assert_eq(next(&input), DEFRAME_MORE);
    cr_assert_eq(deframer_bytes(&d), 10);
    deframer_clear(&d);
    cr_assert_eq(deframer_bytes(&d), 0);
    cr_assert(deframer_is_between(&d));
}

Test(deframe, each_allocation_fails)
{
    static const uint8_t begun[] = { 0, 0, 0, 0x10, 0, 'x' };
    uint8_t more[1000] = { 0 };
    heap_watch();
    for (unsigned at = 1; at <= 2; at++) {
        struct bytes input = bytes_of(begun, sizeof begun);
        heap_fail_at(at);
        enum deframe result = next(&input);
        input = bytes_of(more, sizeof more);
        if (result == DEFRAME_MORE)
            result = next(&input);
        cr_assert_eq(result, DEFRAME_NOMEM, "allocation %u", at);
        deframer_clear(&d);
        cr_assert_eq(heap_live(), 0);
    }
}
