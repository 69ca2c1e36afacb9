#include "deframe.h"

#include <stdlib.h>

#define MIN_KEPT_BYTES 256 /* taken at once, if the message has as many */

static struct bytes take(struct bytes *input, size_t n)
{
    const struct bytes taken = bytes_of(input->data, n);
    *input = bytes_of(input->data + n, input->len - n);
    return taken;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- The head ----------------------------------------------------------------------- */

static size_t message_len(const struct deframer *d)
{
    return (size_t)d->head[1] << 24 | (size_t)d->head[2] << 16 | (size_t)d->head[3] << 8 |
           d->head[4];
}

static void take_head(struct deframer *d, struct bytes *input)
{
    if (d->head_len == 0 && input->len >= DEFRAME_HEAD_BYTES) { /* as most are */
        memcpy(d->head, take(input, DEFRAME_HEAD_BYTES).data, DEFRAME_HEAD_BYTES);
        d->head_len = DEFRAME_HEAD_BYTES;
    }
    while (d->head_len < DEFRAME_HEAD_BYTES && input->len > 0)
        d->head[d->head_len++] = *take(input, 1).data;
}

/* DEFRAME_MESSAGE: it is whole and good. */
static enum deframe check_head(const struct deframer *d, size_t max_bytes)
{
    if (d->head_len > 0 && d->head[0] > 1)
        return DEFRAME_BAD_FLAG;
    if (d->head_len < DEFRAME_HEAD_BYTES)
        return DEFRAME_MORE;
    return message_len(d) > max_bytes ? DEFRAME_TOO_LARGE : DEFRAME_MESSAGE;
}

/* --- What is kept ------------------------------------------------------------------- */

static bool make_room(struct deframer *d, size_t n)
{
    if (d->cap - d->len >= n)
        return true;
    size_t cap = d->cap == 0 ? MIN_KEPT_BYTES : 2 * (size_t)d->cap;
    if (cap < d->len + n)
        cap = d->len + n;
    cap = smaller(cap, message_len(d));
    uint8_t *kept = realloc(d->kept, cap);
    if (kept == NULL)
        return false;
    d->kept = kept;
    d->cap = (uint32_t)cap;
    return true;
}

static enum deframe keep(struct deframer *d, struct bytes *input)
{
    const size_t n = smaller(input->len, message_len(d) - d->len);
    if (n == 0)
        return DEFRAME_MORE;
    if (!make_room(d, n))
        return DEFRAME_NOMEM;
    memcpy(d->kept + d->len, take(input, n).data, n);
    d->len += (uint32_t)n;
    return d->len == message_len(d) ? DEFRAME_MESSAGE : DEFRAME_MORE;
}

static void give_back(struct deframer *d)
{
    free(d->kept);
    d->kept = NULL;
    d->len = d->cap = 0;
    d->delivered = false;
}

/* --- The whole ---------------------------------------------------------------------- */

static enum deframe take_message(struct deframer *d, struct bytes *input, struct bytes *ret)
{
    const size_t len = message_len(d);
    if (d->len == 0 && input->len >= len) {
        *ret = take(input, len);
        return DEFRAME_MESSAGE;
    }
    const enum deframe result = keep(d, input);
    d->delivered = result == DEFRAME_MESSAGE;
    *ret = bytes_of(d->kept, d->len);
    return result;
}

enum deframe deframer_next(struct deframer *d, struct bytes *input, size_t max_bytes,
                           struct bytes *ret, bool *ret_compressed)
{
    if (d->delivered)
        give_back(d);
    take_head(d, input);
    enum deframe result = check_head(d, max_bytes);
    if (result == DEFRAME_MESSAGE)
        result = take_message(d, input, ret);
    if (result == DEFRAME_MESSAGE) {
        *ret_compressed = d->head[0] == 1;
        d->head_len = 0;
    }
    return result;
}

bool deframer_is_between(const struct deframer *d)
{
    return d->head_len == 0;
}

void deframer_clear(struct deframer *d)
{
    give_back(d);
    d->head_len = 0;
}
