#include "ws_frames.h"

#define FIN      0x80
#define RESERVED 0x70
#define MASKED   0x80

static bool is_control(unsigned opcode)
{
    return (opcode & 8) != 0;
}

/* --- Heads -------------------------------------------------------------------------- */

/* How many bytes say the length; 0: two are there, and it is in the second. */
static size_t length_bytes(const struct ws_reader *r)
{
    const unsigned len = r->head[1] & 0x7fu;
    return len == 127 ? 8 : len == 126 ? 2 : 0;
}

static size_t head_bytes(const struct ws_reader *r)
{
    return r->head_len < 2 ? 2 : 2 + length_bytes(r) + sizeof r->mask;
}

static uint64_t read_length(const struct ws_reader *r)
{
    const size_t n = length_bytes(r);
    uint64_t len = n == 0 ? r->head[1] & 0x7fu : 0;
    for (size_t i = 0; i < n; i++)
        len = len << 8 | r->head[2 + i];
    return len;
}

/* Said in as few bytes as there can be. */
static bool is_short(const struct ws_reader *r, uint64_t len)
{
    const size_t n = length_bytes(r);
    return n == 0 || (n == 2 && len > 125) || (n == 8 && len > UINT16_MAX && len <= INT64_MAX);
}

static bool is_known(unsigned opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

static bool check_first(const struct ws_reader *r)
{
    const unsigned opcode = r->head[0] & 0x0fu;
    if ((r->head[0] & RESERVED) != 0 || !is_known(opcode))
        return false;
    if (is_control(opcode))
        return (r->head[0] & FIN) != 0;
    return (opcode == WS_CONTINUATION) == r->in_message;
}

static bool take_head(struct ws_reader *r)
{
    const unsigned opcode = r->head[0] & 0x0fu;
    const uint64_t len = read_length(r);
    if (!is_short(r, len) || (is_control(opcode) && len > WS_CONTROL_BYTES))
        return false;
    for (size_t i = 0; i < sizeof r->mask; i++)
        r->mask[i] = r->head[r->head_len - sizeof r->mask + i];
    r->left = len;
    r->at = 0;
    r->in_frame = true;
    if (!is_control(opcode))
        r->in_message = (r->head[0] & FIN) == 0;
    return true;
}

static enum ws_result read_head(struct ws_reader *r, struct bytes *input)
{
    while (r->head_len < head_bytes(r)) {
        if (input->len == 0)
            return WS_MORE;
        r->head[r->head_len++] = *input->data;
        *input = bytes_of(input->data + 1, input->len - 1);
        if (r->head_len == 1 && !check_first(r))
            return WS_BAD;
        if (r->head_len == 2 && (r->head[1] & MASKED) == 0)
            return WS_BAD;
    }
    return take_head(r) ? WS_PIECE : WS_BAD;
}

/* --- Content ------------------------------------------------------------------------ */

static void unmask(struct ws_reader *r, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] ^= r->mask[(r->at + i) & 3];
    r->at += n;
}

enum ws_result ws_read(struct ws_reader *r, struct bytes *input, struct ws_piece *ret)
{
    if (!r->in_frame) {
        const enum ws_result result = read_head(r, input);
        if (result != WS_PIECE)
            return result;
    } else if (input->len == 0) {
        return WS_MORE;
    }
    const uint64_t frame_bytes = r->left + r->at;
    if (r->left > 0 && input->len == 0)
        return WS_MORE;
    const size_t n = r->left < input->len ? (size_t)r->left : input->len;
    *ret = (struct ws_piece){ .opcode = r->head[0] & 0x0fu,
                              .first = r->at == 0,
                              .last = r->left == n,
                              .final = (r->head[0] & FIN) != 0,
                              .frame_bytes = frame_bytes,
                              .bytes = bytes_of(input->data, n) };
    unmask(r, (uint8_t *)(uintptr_t)input->data, n);
    *input = bytes_of(input->data + n, input->len - n);
    r->left -= n;
    if (ret->last) {
        r->in_frame = false;
        r->head_len = 0;
    }
    return WS_PIECE;
}

size_t ws_put_head(uint8_t to[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t len)
{
    const size_t n = len <= 125 ? 0 : len <= UINT16_MAX ? 2 : 8;
    to[0] = (uint8_t)(FIN | opcode);
    to[1] = (uint8_t)(n == 0 ? len : n == 2 ? 126 : 127);
    for (size_t i = 0; i < n; i++)
        to[2 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
    return 2 + n;
}
