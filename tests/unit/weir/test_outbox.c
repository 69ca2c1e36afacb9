/* What a loop's connections write: pieces that merge, large ones by reference,
 * and what is left of them after a partial write. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/heap.h"
#include "weir/http/outbox.h"

#define LARGE (OUTBOX_SMALL + 100)

static struct outbox g_outbox;
static struct buf *g_buf; /* with a pattern */

static void init(void)
{
    heap_watch();
    cr_assert(outbox_init(&g_outbox));
    g_buf = buf_new(200 * 1024);
    for (; g_buf->len < g_buf->cap; g_buf->len++)
        g_buf->data[g_buf->len] = (uint8_t)(g_buf->len * 7 + (g_buf->len >> 8));
}

static void fini(void)
{
    buf_unref(g_buf);
    outbox_close(&g_outbox);
    cr_assert_eq(heap_live(), 0);
}

TestSuite(outbox, .init = init, .fini = fini);

static void copy(size_t from, size_t len)
{
    outbox_copy(&g_outbox, bytes_of(g_buf->data + from, len));
}

/* What is in it beyond @skip is bytes [from, ...) of the pattern. */
static void expect_rest(size_t skip, size_t from)
{
    const size_t len = g_outbox.bytes - skip;
    uint8_t *rest = malloc(len + 1);
    outbox_rest(&g_outbox, skip, rest);
    cr_assert_arr_eq(rest, g_buf->data + from, len);
    free(rest);
}

static void expect_all_rests(void)
{
    for (size_t skip = 0; skip <= g_outbox.bytes; skip += 1 + skip / 16)
        expect_rest(skip, skip);
    expect_rest(g_outbox.bytes, 0);
}

Test(outbox, small_pieces_become_one)
{
    size_t at = 0;
    for (size_t len = 0; len < 100; at += len++)
        copy(at, len);
    cr_assert_eq(g_outbox.npieces, 1);
    cr_assert_eq(g_outbox.bytes, at);
    expect_all_rests();
}

Test(outbox, a_small_piece_of_a_buffer_is_copied)
{
    outbox_put(&g_outbox, g_buf, 0, OUTBOX_SMALL - 1);
    cr_assert_eq(g_buf->refs, 1);
    cr_assert_eq(g_outbox.nrefs, 0);
    expect_rest(0, 0);
}

Test(outbox, a_large_one_is_referred_to_until_it_is_empty)
{
    outbox_put(&g_outbox, g_buf, 0, OUTBOX_SMALL);
    cr_assert_eq(g_buf->refs, 2);
    cr_assert_eq(g_outbox.used, 0);
    cr_assert_eq((const uint8_t *)g_outbox.pieces[0].base, g_buf->data, "it lies where it lay");
    outbox_clear(&g_outbox);
    cr_assert_eq(g_buf->refs, 1);
    cr_assert_eq(g_outbox.bytes, 0);
    cr_assert_eq(g_outbox.npieces, 0);
}

Test(outbox, pieces_that_follow_each_other_in_a_buffer_become_one)
{
    outbox_put(&g_outbox, g_buf, 0, LARGE);
    outbox_put(&g_outbox, g_buf, LARGE, LARGE);
    cr_assert_eq(g_outbox.npieces, 1);
    cr_assert_eq(g_outbox.nrefs, 2, "each has its reference");
    expect_all_rests();
}

/* As frames are: a head, and what it is of. */
Test(outbox, heads_and_messages_in_turn)
{
    size_t at = 0;
    while (outbox_has_room(&g_outbox)) {
        copy(at, 9);
        outbox_put(&g_outbox, g_buf, at + 9, LARGE);
        at += 9 + LARGE;
    }
    cr_assert_eq(g_outbox.bytes, at);
    cr_assert_geq(g_outbox.bytes, OUTBOX_BYTES);
    cr_assert_lt(g_outbox.bytes, OUTBOX_BYTES + 9 + LARGE);
    cr_assert_leq(g_outbox.npieces, OUTBOX_PIECES);
    expect_all_rests();
}

/* There is always room for a frame where it says so, of whatever it is made. */
Test(outbox, there_is_room_for_the_largest_frame)
{
    size_t at = 0;
    for (; g_outbox.bytes < OUTBOX_BYTES - 1; at += 1000)
        copy(at, g_outbox.bytes + 1000 < OUTBOX_BYTES ? 1000 : OUTBOX_BYTES - 1 - g_outbox.bytes);
    cr_assert(outbox_has_room(&g_outbox));
    const size_t before = g_outbox.bytes;
    copy(before, OUTBOX_FRAME_MAX);
    cr_assert_not(outbox_has_room(&g_outbox));
    expect_rest(0, 0);
}

Test(outbox, there_is_no_room_when_pieces_run_out)
{
    outbox_clear(&g_outbox);
    size_t frames = 0;
    for (; outbox_has_room(&g_outbox); frames++) {
        copy(0, 1);
        g_outbox.refs[g_outbox.nrefs++] = buf_ref(g_buf); /* as a piece of one byte would be */
        g_outbox.pieces[g_outbox.npieces++] = uv_buf_init((char *)g_buf->data + 1, 1);
        g_outbox.bytes++;
    }
    cr_assert_leq(g_outbox.npieces, OUTBOX_PIECES);
    cr_assert_lt(g_outbox.bytes, OUTBOX_BYTES);
    outbox_clear(&g_outbox);
    cr_assert_eq(g_buf->refs, 1);
}

Test(outbox, closing_forgets_what_is_in_it)
{
    outbox_put(&g_outbox, g_buf, 0, LARGE);
    outbox_close(&g_outbox);
    cr_assert_eq(g_buf->refs, 1);
    struct outbox never = { 0 };
    outbox_close(&never);
}

Test(outbox, without_memory_there_is_none)
{
    struct outbox o;
    heap_fail_at(1);
    cr_assert_not(outbox_init(&o));
    outbox_close(&o);
}
