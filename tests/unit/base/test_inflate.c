/* Unpacking under a limit: what is whole comes out, what is not is named, and a
 * bomb costs its limit. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <zlib.h>

#include "base/inflate.h"

#define GZIP (MAX_WBITS + 16)
#define ZLIB MAX_WBITS
#define MIB  ((size_t)1 << 20)

/* @n times the letter 'a', packed without ever being there as a whole. */
static struct buf *pack(size_t n, int window)
{
    uint8_t in[4096], out[4096];
    z_stream z = { 0 };
    struct buf *b = buf_new(0);
    memset(in, 'a', sizeof in);
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    int rv = Z_OK;
    while (rv != Z_STREAM_END) {
        if (z.avail_in == 0) {
            z.next_in = in;
            z.avail_in = (uInt)(n < sizeof in ? n : sizeof in);
            n -= z.avail_in;
        }
        z.next_out = out;
        z.avail_out = sizeof out;
        rv = deflate(&z, n == 0 ? Z_FINISH : Z_NO_FLUSH);
        cr_assert(buf_append(b, bytes_of(out, sizeof out - z.avail_out)));
    }
    deflateEnd(&z);
    return b;
}

static void expect(struct bytes packed, size_t max_bytes, enum inflate_result result, size_t len)
{
    struct buf *plain = NULL;
    cr_assert_eq(inflate_message(packed, max_bytes, &plain), result);
    cr_assert_eq(plain != NULL, result == INFLATE_OK);
    if (plain == NULL)
        return;
    cr_assert_eq(plain->len, len);
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(plain->data[i], 'a');
    buf_unref(plain);
}

Test(inflate, unpacks_gzip_and_zlib)
{
    static const size_t sizes[] = { 0, 1, 255, 32767, 32768, 32769, 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            struct buf *b = pack(sizes[i], gzip ? GZIP : ZLIB);
            expect(buf_bytes(b), MIB, INFLATE_OK, sizes[i]);
            buf_unref(b);
        }
}

Test(inflate, the_limit_is_exact)
{
    struct buf *b = pack(100000, GZIP);
    expect(buf_bytes(b), 100000, INFLATE_OK, 100000);
    expect(buf_bytes(b), 99999, INFLATE_TOO_LARGE, 0);
    expect(buf_bytes(b), 0, INFLATE_TOO_LARGE, 0);
    buf_unref(b);
    b = pack(0, GZIP);
    expect(buf_bytes(b), 0, INFLATE_OK, 0);
    buf_unref(b);
}

Test(inflate, whatever_is_cut_short_is_damaged)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        struct buf *b = pack(1000, gzip ? GZIP : ZLIB);
        for (size_t len = 0; len < b->len; len++)
            expect(bytes_of(b->data, len), MIB, INFLATE_DAMAGED, 0);
        buf_unref(b);
    }
}

Test(inflate, a_wrong_byte_in_the_sum_is_damage)
{
    struct buf *b = pack(1000, GZIP);
    b->data[b->len - 8] ^= 1;
    expect(buf_bytes(b), MIB, INFLATE_DAMAGED, 0);
    buf_unref(b);
    expect(bytes_of("aaaa", 4), MIB, INFLATE_DAMAGED, 0);
}

Test(inflate, more_than_the_message_is_damage)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        struct buf *b = pack(10, gzip ? GZIP : ZLIB);
        cr_assert(buf_append(b, bytes_of("x", 1)));
        expect(buf_bytes(b), MIB, INFLATE_DAMAGED, 0);
        buf_unref(b);
    }
}

/* RFC 1952, 2.2: "a gzip file consists of a series of members". */
Test(inflate, gzip_may_have_several_members)
{
    struct buf *all = buf_new(0);
    for (size_t n = 0; n < 3; n++) {
        struct buf *one = pack(1000 * n, GZIP);
        cr_assert(buf_append(all, buf_bytes(one)));
        buf_unref(one);
    }
    expect(buf_bytes(all), MIB, INFLATE_OK, 3000);
    expect(buf_bytes(all), 2999, INFLATE_TOO_LARGE, 0);
    expect(bytes_of(all->data, all->len - 1), MIB, INFLATE_DAMAGED, 0);
    buf_unref(all);

    all = pack(10, ZLIB); /* zlib has no such thing */
    struct buf *second = buf_copy(buf_bytes(all));
    cr_assert(buf_append(all, buf_bytes(second)));
    expect(buf_bytes(all), MIB, INFLATE_DAMAGED, 0);
    buf_unref(all);
    buf_unref(second);
}

static long max_rss_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

Test(inflate, a_bomb_costs_its_limit)
{
    struct buf *bomb = pack(512 * MIB, GZIP);
    cr_assert_lt(bomb->len, MIB);
    const long before = max_rss_kib();
    expect(buf_bytes(bomb), 4 * MIB, INFLATE_TOO_LARGE, 0);
    cr_assert_lt(max_rss_kib() - before, 32 * 1024);
    buf_unref(bomb);
}
