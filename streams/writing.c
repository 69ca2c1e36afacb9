#include "writing.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/wire.h"
#include "weir/loop.h"

/* --- For contents ------------------------------------------------------------------- */

const void *writing_list(const ProtobufCMessage *request, size_t *ret_n)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(request->descriptor, 1);
    const char *base = (const char *)request;
    *ret_n = *(const size_t *)(base + f->quantifier_offset);
    return *(const void *const *)(base + f->offset);
}

void writing_batch_free(struct writing_batch *b)
{
    if (b == NULL)
        return;
    free(b->data);
    free(b);
}

uint8_t *writing_keep(uint8_t *to, struct bytes *b)
{
    if (b->len > 0)
        memcpy(to, b->data, b->len);
    b->data = to;
    return to + b->len;
}

bool writing_put_count(struct buf *b, unsigned field, int64_t n)
{
    return n == 0 || wire_append_varint(b, field, (uint64_t)n); /* proto3: 0 is not sent */
}

/* --- The call ----------------------------------------------------------------------- */

static void fail(struct writing *w, const struct status *why)
{
    if (w->over || w->stream == NULL)
        return;
    w->over = true;
    stream_finish(w->stream, why);
}

static void answer(struct writing *w)
{
    const struct status no_memory = status_no_memory();
    struct buf *b = w->content->response(w);
    if (b == NULL || stream_send(w->stream, b, 0, b->len, STREAM_LAST) != 0)
        fail(w, &no_memory);
    buf_unref(b);
    w->over = true;
}

static void free_call(struct writing *w)
{
    if (w->content->close != NULL)
        w->content->close(w);
    free(w);
}

/* Does what there is to do next. May free @w, so it comes last. */
static void tick(struct writing *w)
{
    if (w->stream == NULL) {
        if (w->batches == 0)
            free_call(w);
    } else if (w->over || w->reading || w->held != NULL) {
        return;
    } else if (!w->ended && w->batches < WRITING_BATCHES && w->bytes < WRITING_BYTES) {
        w->reading = true;
        stream_read(w->stream);
    } else if (w->ended && w->batches == 0) {
        answer(w);
    }
}

static void not_committed(struct writing *w, const struct write_batch *batch)
{
    const enum status_code code = batch->full          ? STATUS_RESOURCE_EXHAUSTED
                                  : batch->unavailable ? STATUS_UNAVAILABLE
                                                       : STATUS_INTERNAL;
    struct status why = status_of(code, "%s", batch->error);
    if (batch->unavailable)
        status_because(&why, "STORE_UNAVAILABLE");
    fail(w, &why);
}

static void on_committed(struct write_batch *batch)
{
    struct writing_batch *b = container_of(batch, struct writing_batch, batch);
    struct writing *w = b->writing;
    w->batches--;
    w->bytes -= b->bytes;
    if (batch->error[0] != '\0')
        not_committed(w, batch);
    else
        w->content->count(w, b);
    writing_batch_free(b);
    tick(w);
}

static void hand_over(struct writing *w, struct writing_batch *b)
{
    b->writing = w;
    b->batch.loop = w->stream->loop;
    b->batch.done = on_committed;
    b->batch.sequence = &w->sequence;
    w->batches++;
    w->bytes += b->bytes;
    store_write(w->store(w->stream->loop), &b->batch);
}

/* The batch goes to the writer, if it is still wanted. */
static void write_or_drop(struct writing *w, struct writing_batch *b)
{
    if (w->over || w->stream == NULL || b->batch.nrecords == 0)
        writing_batch_free(b);
    else
        hand_over(w, b);
}

static struct writing_batch *take_held(struct writing *w)
{
    struct writing_batch *b = w->held;
    w->held = NULL;
    return b;
}

void writing_go_on(struct writing *w)
{
    write_or_drop(w, take_held(w));
    tick(w);
}

void writing_fail(struct writing *w, const struct status *why)
{
    writing_batch_free(take_held(w));
    fail(w, why);
    tick(w);
}

/* --- The stream --------------------------------------------------------------------- */

struct writing *writing_open(struct stream *s, const struct writing_content *content,
                             struct store *(*store)(struct loop *loop))
{
    struct writing *w = stream_new_data(s, content->bytes);
    if (w == NULL)
        return NULL;
    w->stream = s;
    w->content = content;
    w->store = store;
    w->reading = true;
    stream_read(s);
    return w;
}

void writing_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    struct writing *w = s->data;
    struct status why = status_ok();
    w->reading = false;
    if (w->over)
        return;
    struct writing_batch *b = w->content->batch(w, message, bytes, &why);
    if (b != NULL && w->content->hold != NULL && w->content->hold(w, b))
        w->held = b;
    else if (b != NULL)
        write_or_drop(w, b);
    else if (why.code != STATUS_OK)
        fail(w, &why);
    tick(w);
}

void writing_on_end(struct stream *s)
{
    struct writing *w = s->data;
    w->reading = false;
    w->ended = true;
    tick(w);
}

void writing_on_close(struct stream *s, const struct status *status)
{
    struct writing *w = s->data;
    (void)status;
    if (w == NULL)
        return;
    w->stream = NULL;
    if (w->held != NULL) {
        w->content->unhold(w);
        writing_batch_free(take_held(w));
    }
    tick(w);
}
