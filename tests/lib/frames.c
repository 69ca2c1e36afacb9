#include "frames.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void frames_add(struct frames *f, struct bytes bytes)
{
    if (f->cap - f->len < bytes.len) {
        f->cap = 2 * f->cap + bytes.len + 256;
        f->data = realloc(f->data, f->cap);
        cr_assert_not_null(f->data);
    }
    if (bytes.len > 0)
        memcpy(f->data + f->len, bytes.data, bytes.len);
    f->len += bytes.len;
}

void frames_clear(struct frames *f)
{
    free(f->data);
    *f = (struct frames){ 0 };
}

static void add_byte(struct frames *f, unsigned byte)
{
    const uint8_t b = (uint8_t)byte;
    frames_add(f, bytes_of(&b, 1));
}

static void add_number(struct frames *f, size_t n, unsigned bytes)
{
    while (bytes-- > 0)
        add_byte(f, (unsigned)(n >> (8 * bytes)) & 0xff);
}

static void add_head(struct frames *f, size_t len, uint8_t type, uint8_t flags, int32_t id)
{
    add_number(f, len, 3);
    add_byte(f, type);
    add_byte(f, flags);
    add_number(f, (uint32_t)id, 4);
}

void frames_frame(struct frames *f, uint8_t type, uint8_t flags, int32_t id, struct bytes payload)
{
    add_head(f, payload.len, type, flags, id);
    frames_add(f, payload);
}

void frames_hello(struct frames *f)
{
    frames_add(f, bytes_of(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN));
    frames_frame(f, NGHTTP2_SETTINGS, 0, 0, bytes_of(NULL, 0));
}

/* --- Headers ------------------------------------------------------------------------ */

/* HPACK's numbers (RFC 7541, 5.1), of seven bits first. */
static void add_length(struct frames *f, size_t n)
{
    if (n < 127) {
        add_byte(f, (unsigned)n);
        return;
    }
    add_byte(f, 127);
    for (n -= 127; n >= 128; n >>= 7)
        add_byte(f, (unsigned)(n & 127) | 128);
    add_byte(f, (unsigned)n);
}

static void add_text(struct frames *f, const char *text)
{
    add_length(f, strlen(text));
    frames_add(f, bytes_of_text(text));
}

/* A literal that is not kept. */
static void add_header(struct frames *f, const char *name, const char *value)
{
    add_byte(f, 0);
    add_text(f, name);
    add_text(f, value);
}

/* What does not fit into one frame goes on in others. */
static void add_block(struct frames *f, int32_t id, struct bytes block)
{
    uint8_t type = NGHTTP2_HEADERS;
    for (; block.len > MAX_FRAME_BYTES; type = NGHTTP2_CONTINUATION) {
        frames_frame(f, type, 0, id, bytes_of(block.data, MAX_FRAME_BYTES));
        block = bytes_of(block.data + MAX_FRAME_BYTES, block.len - MAX_FRAME_BYTES);
    }
    frames_frame(f, type, NGHTTP2_FLAG_END_HEADERS, id, block);
}

void frames_request(struct frames *f, int32_t id, const char *path, const char *const *more)
{
    struct frames block = { 0 };
    add_header(&block, ":method", "POST");
    add_header(&block, ":scheme", "http");
    add_header(&block, ":path", path);
    add_header(&block, ":authority", "test");
    add_header(&block, "te", "trailers");
    add_header(&block, "content-type", "application/grpc");
    for (; more != NULL && *more != NULL; more += 2)
        add_header(&block, more[0], more[1]);
    add_block(f, id, frames_bytes(&block));
    frames_clear(&block);
}

/* --- The rest ----------------------------------------------------------------------- */

void frames_message(struct frames *f, int32_t id, struct bytes message, uint8_t flags)
{
    add_head(f, 5 + message.len, NGHTTP2_DATA, flags, id);
    add_number(f, message.len, 5);
    frames_add(f, message);
}

void frames_window(struct frames *f, int32_t id, uint32_t more)
{
    add_head(f, 4, NGHTTP2_WINDOW_UPDATE, 0, id);
    add_number(f, more, 4);
}

void frames_reset(struct frames *f, int32_t id, uint32_t code)
{
    add_head(f, 4, NGHTTP2_RST_STREAM, 0, id);
    add_number(f, code, 4);
}

static size_t number_at(const uint8_t *at, unsigned bytes)
{
    size_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | *at++;
    return n;
}

bool frame_next(struct bytes *rest, struct frame *ret)
{
    if (rest->len < FRAME_HEAD_BYTES)
        return false;
    const size_t len = number_at(rest->data, 3), all = FRAME_HEAD_BYTES + len;
    if (rest->len < all)
        return false;
    *ret = (struct frame){ rest->data[3], rest->data[4],
                           (int32_t)(number_at(rest->data + 5, 4) & INT32_MAX),
                           bytes_of(rest->data + FRAME_HEAD_BYTES, len) };
    *rest = bytes_of(rest->data + all, rest->len - all);
    return true;
}
