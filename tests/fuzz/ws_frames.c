/* Frames of WebSockets: cut anywhere they say the same; pieces lie in the input and make frames
 * of the length that was said; and what was written as a frame is read as it was. */
#include <stdlib.h>

#include "base/buf.h"
#include "fuzz.h"
#include "weir/http/ws_frames.h"

#define CUTS 16

static void put(struct buf *b, const void *data, size_t len)
{
    cr_assert(buf_append(b, bytes_of(data, len)));
}

/* The pieces of a frame become one. */
static void note(struct buf *to, const struct ws_piece *p)
{
    const uint8_t head[] = { (uint8_t)p->opcode, p->final };
    if (p->first)
        put(to, head, sizeof head);
    put(to, p->bytes.data, p->bytes.len);
    if (p->last)
        put(to, &p->frame_bytes, sizeof p->frame_bytes);
}

static enum ws_result feed(struct ws_reader *r, struct bytes piece, uint64_t *of_frame,
                           struct buf *to)
{
    uint8_t *copy = malloc(piece.len + 1); /* gone before the next piece */
    struct ws_piece p;
    enum ws_result result;
    if (piece.len > 0)
        memcpy(copy, piece.data, piece.len);
    struct bytes in = bytes_of(copy, piece.len);
    while ((result = ws_read(r, &in, &p)) == WS_PIECE) {
        *of_frame = (p.first ? 0 : *of_frame) + p.bytes.len;
        cr_assert_leq(*of_frame, p.frame_bytes);
        cr_assert(!p.last || *of_frame == p.frame_bytes);
        cr_assert(p.opcode < WS_CLOSE || (p.final && p.frame_bytes <= WS_CONTROL_BYTES));
        note(to, &p);
    }
    cr_assert(result == WS_BAD || in.len == 0);
    free(copy);
    return result;
}

static enum ws_result read_all(struct bytes in, struct bytes cuts, struct buf *to)
{
    struct ws_reader r = { 0 };
    enum ws_result result = WS_MORE;
    uint64_t of_frame = 0;
    while (result == WS_MORE && in.len > 0)
        result = feed(&r, fuzz_bytes(&in, cuts.len > 0 ? fuzz_byte(&cuts) : in.len), &of_frame, to);
    return result;
}

/* A server's frame with a mask put in is a client's. */
static void check_writing(struct bytes content)
{
    uint8_t head[WS_HEAD_MAX];
    const uint8_t mask[4] = { 0 };
    struct buf *b = buf_new(0), *read = buf_new(0), *plain = buf_new(0);
    const size_t len = ws_put_head(head, WS_BINARY, content.len);
    head[1] |= 0x80;
    put(b, head, len);
    put(b, mask, sizeof mask);
    put(b, content.data, content.len);
    cr_assert_eq(read_all(buf_bytes(b), bytes_of(NULL, 0), read), WS_MORE);
    note(plain, &(struct ws_piece){ WS_BINARY, true, true, true, content.len, content });
    cr_assert(bytes_equal(buf_bytes(read), buf_bytes(plain)));
    buf_unref(b);
    buf_unref(read);
    buf_unref(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const struct bytes cuts = fuzz_bytes(&in, fuzz_byte(&in) % CUTS);
    struct buf *whole = buf_new(0), *cut = buf_new(0);
    const enum ws_result end = read_all(in, bytes_of(NULL, 0), whole);
    cr_assert_eq(read_all(in, cuts, cut), end);
    cr_assert(bytes_equal(buf_bytes(whole), buf_bytes(cut)));
    check_writing(in);
    buf_unref(whole);
    buf_unref(cut);
    return 0;
}
