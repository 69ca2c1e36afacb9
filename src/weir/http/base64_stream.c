#include "base64_stream.h"

#include "base/base64.h"

/* Quartets: all but the last of them without padding. */
static enum base64_result decode(struct bytes quartets, struct buf *to)
{
    size_t len;
    uint8_t *room = buf_reserve(to, base64_room(quartets.len));
    if (room == NULL)
        return BASE64_NOMEM;
    if (!base64_decode(room, quartets, BASE64_STANDARD, &len))
        return BASE64_DAMAGED;
    to->len += len;
    return BASE64_OK;
}

static void advance(struct bytes *text, size_t n)
{
    *text = bytes_of(text->data + n, text->len - n);
}

/* What begins with the first character of a quartet: as many as there are, up to one that is
 * padded. */
static size_t whole_quartets(struct bytes text)
{
    const uint8_t *pad = memchr(text.data, '=', text.len);
    if (pad == NULL)
        return text.len / 4 * 4;
    const size_t padded = ((size_t)(pad - text.data) / 4 + 1) * 4;
    return padded <= text.len ? padded : padded - 4;
}

static enum base64_result take_cut(struct base64_stream *b, struct bytes *text, struct buf *to)
{
    while (b->n < sizeof b->quartet && text->len > 0) {
        b->quartet[b->n++] = *text->data;
        advance(text, 1);
    }
    if (b->n < sizeof b->quartet)
        return BASE64_OK;
    b->n = 0;
    return decode(bytes_of(b->quartet, sizeof b->quartet), to);
}

enum base64_result base64_stream_decode(struct base64_stream *b, struct bytes text, struct buf *to)
{
    enum base64_result result = b->n > 0 ? take_cut(b, &text, to) : BASE64_OK;
    while (result == BASE64_OK && text.len > 0) {
        const size_t n = whole_quartets(text);
        if (n == 0)
            return take_cut(b, &text, to);
        result = decode(bytes_of(text.data, n), to);
        advance(&text, n);
    }
    return result;
}

bool base64_stream_encode(struct bytes bytes, struct buf *to)
{
    const size_t room = (bytes.len + 2) / 3 * 4;
    uint8_t *at = buf_reserve(to, room);
    if (at == NULL)
        return false;
    size_t len = base64_encode((char *)at, bytes, BASE64_STANDARD);
    while (len < room)
        at[len++] = '=';
    to->len += room;
    return true;
}
