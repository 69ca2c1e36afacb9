#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/container.h"

#define FULL_BYTES ((size_t)256 * 1024)
#define KEEP_BYTES ((size_t)1024 * 1024) /* a buffer that grew beyond is not kept */
#define AGAIN_MS   5
#define LOOK_MS    500

static void write_rest(struct output *o);

static struct output_chunk *filling(struct output *o)
{
    return &o->chunk[o->filling];
}

static struct output_chunk *being_written(struct output *o)
{
    return &o->chunk[1 - o->filling];
}

static void empty(struct output_chunk *c)
{
    c->bytes->len = 0;
    free(c->mark);
    c->mark = NULL;
}

static void fail(struct output *o, int error)
{
    o->error = error;
    o->writing = false;
    empty(&o->chunk[0]);
    empty(&o->chunk[1]);
    if (o->on_progress != NULL)
        o->on_progress(o);
}

static void shrink(struct output_chunk *c)
{
    if (c->bytes->cap <= KEEP_BYTES)
        return;
    struct buf *smaller = buf_new(FULL_BYTES);
    if (smaller == NULL)
        return;
    buf_unref(c->bytes);
    c->bytes = smaller;
}

static void start_write(struct output *o)
{
    if (o->writing || o->error != 0 || filling(o)->bytes->len == 0)
        return;
    if (o->on_write != NULL)
        o->on_write(o);
    o->filling = 1 - o->filling;
    o->sent = 0;
    o->writing = true;
    write_rest(o);
}

static void chunk_written(struct output *o)
{
    struct output_chunk *c = being_written(o);
    if (c->mark != NULL) {
        free(o->mark);
        o->mark = c->mark;
        c->mark = NULL;
    }
    empty(c);
    shrink(c);
    o->writing = false;
    start_write(o);
    if (o->on_progress != NULL)
        o->on_progress(o);
}

static void on_written(uv_fs_t *req)
{
    struct output *o = container_of(req, struct output, write);
    ssize_t n = req->result;
    uv_fs_req_cleanup(req);
    if (n == UV_EAGAIN) {
        timer_start(o->loop, &o->again, AGAIN_MS);
        return;
    }
    if (n < 0) {
        fail(o, (int)-n);
        return;
    }
    o->sent += (size_t)n;
    o->bytes += (uint64_t)n;
    if (o->sent < being_written(o)->bytes->len)
        write_rest(o);
    else
        chunk_written(o);
}

static void write_rest(struct output *o)
{
    struct buf *b = being_written(o)->bytes;
    uv_buf_t rest = uv_buf_init((char *)b->data + o->sent, (unsigned)(b->len - o->sent));
    int rv = uv_fs_write(loop_uv(o->loop), &o->write, o->fd, &rest, 1, -1, on_written);
    if (rv < 0)
        fail(o, -rv);
}

static void on_again(struct timer *t)
{
    write_rest(container_of(t, struct output, again));
}

/* A write that is under way tells by itself. */
static void on_look(struct timer *t)
{
    struct output *o = container_of(t, struct output, look);
    struct pollfd end = { .fd = o->fd };
    if (o->error != 0)
        return;
    if (!o->writing && poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0)
        fail(o, EPIPE);
    else
        timer_start(o->loop, &o->look, LOOK_MS);
}

static void on_flush(struct task *t)
{
    start_write(container_of(t, struct output, flush));
}

int output_init(struct output *o, struct loop *loop, int fd)
{
    *o = (struct output){ .loop = loop, .fd = fd };
    o->flush.run = on_flush;
    o->again.fired = on_again;
    o->look.fired = on_look;
    for (int i = 0; i < 2; i++) {
        o->chunk[i].bytes = buf_new(FULL_BYTES);
        if (o->chunk[i].bytes == NULL) {
            output_close(o);
            return ENOMEM;
        }
    }
    return 0;
}

void output_close(struct output *o)
{
    task_cancel(&o->flush);
    timer_stop(&o->look);
    for (int i = 0; i < 2; i++) {
        buf_unref(o->chunk[i].bytes);
        free(o->chunk[i].mark);
    }
    free(o->mark);
}

void output_redirect(struct output *o, int fd)
{
    o->fd = fd;
}

struct buf *output_buf(struct output *o)
{
    return filling(o)->bytes;
}

void output_commit(struct output *o)
{
    if (o->error != 0)
        empty(filling(o));
    else
        task_defer(o->loop, &o->flush);
}

void output_mark(struct output *o, char *text)
{
    if (text == NULL)
        return;
    /* Nothing was appended since the last write came back: that is written. */
    bool written = !o->writing && filling(o)->bytes->len == 0;
    char **at = written ? &o->mark : &filling(o)->mark;
    free(*at);
    *at = text;
}

bool output_full(const struct output *o)
{
    return o->writing && o->chunk[o->filling].bytes->len >= FULL_BYTES;
}

bool output_drained(const struct output *o)
{
    return o->error != 0 || (!o->writing && o->chunk[o->filling].bytes->len == 0);
}

void output_watch_reader(struct output *o)
{
    timer_start(o->loop, &o->look, LOOK_MS);
}
