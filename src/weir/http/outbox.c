#include "outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A frame of small messages may be many pieces of its own. */
#define PIECES_OF_A_FRAME 16

bool outbox_init(struct outbox *o)
{
    *o = (struct outbox){ .block = malloc(OUTBOX_BYTES + OUTBOX_FRAME_MAX) };
    return o->block != NULL;
}

void outbox_close(struct outbox *o)
{
    outbox_clear(o);
    free(o->block);
    o->block = NULL;
}

bool outbox_has_room(const struct outbox *o)
{
    return o->bytes < OUTBOX_BYTES && o->npieces <= OUTBOX_PIECES - PIECES_OF_A_FRAME;
}

static bool ends_with(const struct outbox *o, const uint8_t *at)
{
    if (o->npieces == 0)
        return false;
    const uv_buf_t *last = &o->pieces[o->npieces - 1];
    return (const uint8_t *)last->base + last->len == at;
}

static void add_piece(struct outbox *o, const uint8_t *at, size_t len)
{
    if (ends_with(o, at))
        o->pieces[o->npieces - 1].len += len;
    else
        o->pieces[o->npieces++] = uv_buf_init((char *)(uintptr_t)at, (unsigned)len);
    o->bytes += len;
}

void outbox_copy(struct outbox *o, struct bytes bytes)
{
    uint8_t *to = o->block + o->used;
    assert(o->used + bytes.len <= OUTBOX_BYTES + OUTBOX_FRAME_MAX);
    memcpy(to, bytes.data, bytes.len);
    o->used += bytes.len;
    add_piece(o, to, bytes.len);
}

void outbox_put(struct outbox *o, struct buf *b, size_t from, size_t len)
{
    if (len < OUTBOX_SMALL || o->npieces == OUTBOX_PIECES || o->nrefs == OUTBOX_PIECES) {
        outbox_copy(o, bytes_of(b->data + from, len));
        return;
    }
    o->refs[o->nrefs++] = buf_ref(b);
    add_piece(o, b->data + from, len);
}

void outbox_rest(const struct outbox *o, size_t skip, uint8_t *to)
{
    for (size_t i = 0; i < o->npieces; i++) {
        const uv_buf_t *piece = &o->pieces[i];
        const size_t gone = skip < piece->len ? skip : piece->len;
        memcpy(to, piece->base + gone, piece->len - gone);
        to += piece->len - gone;
        skip -= gone;
    }
}

void outbox_clear(struct outbox *o)
{
    for (size_t i = 0; i < o->nrefs; i++)
        buf_unref(o->refs[i]);
    o->used = o->bytes = o->npieces = o->nrefs = 0;
}
