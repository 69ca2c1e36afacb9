#include "fake_stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/container.h"
#include "weir/rules.h"
#include "weir/server.h"

#define DECODED_MAX_BYTES (32u << 20) /* as the real streams */

/* --- Queues of messages ------------------------------------------------------------- */

static void queue_init(struct fake_queue *q)
{
    *q = (struct fake_queue){ .end = &q->first };
}

static void queue_append(struct fake_queue *q, struct fake_message *m)
{
    m->next = NULL;
    *q->end = m;
    q->end = &m->next;
    q->n++;
}

static struct fake_message *queue_take(struct fake_queue *q)
{
    struct fake_message *m = q->first;
    q->first = m->next;
    if (q->first == NULL)
        q->end = &q->first;
    q->n--;
    return m;
}

static void message_free(struct fake_message *m)
{
    buf_unref(m->buf);
    free((void *)m->bytes.data);
    free(m);
}

static void queue_clear(struct fake_queue *q)
{
    while (q->n > 0)
        message_free(queue_take(q));
}

static struct fake_message *message_copy(struct bytes b)
{
    struct fake_message *m = calloc(1, sizeof *m);
    uint8_t *copy = malloc(b.len + 1);
    cr_assert(m != NULL && copy != NULL, "out of memory");
    if (b.len > 0)
        memcpy(copy, b.data, b.len);
    m->bytes = bytes_of(copy, b.len);
    return m;
}

/* --- What the code under test calls ------------------------------------------------- */

static void go_on(struct fake_stream *f)
{
    if (!f->closed)
        task_defer(f->s.loop, &f->work);
}

static void fake_read(struct stream *s)
{
    struct fake_stream *f = fake_stream_of(s);
    cr_assert(!f->closed, "stream_read() after on_close");
    cr_assert(!f->reading, "stream_read() while one is outstanding");
    f->reading = true;
    f->reads++;
    go_on(f);
}

static void check_send(const struct fake_stream *f, const struct buf *b, size_t from, size_t len)
{
    cr_assert(!f->closed, "stream_send() after on_close");
    cr_assert(!f->last_sent, "stream_send() after STREAM_LAST");
    cr_assert(from <= b->len && len <= b->len - from, "stream_send() of bytes outside the buffer");
    /* The peer's end may be known here and not yet there: no offence. */
    cr_assert(!f->s.finished || f->closing, "stream_send() after stream_finish()");
}

static int may_send(const struct fake_stream *f)
{
    if (f->s.finished)
        return EPIPE;
    return f->held == FAKE_QUEUE_MAX ? EAGAIN : 0;
}

static void append_out(struct fake_stream *f, struct buf *b, size_t from, size_t len, size_t behind,
                       unsigned flags)
{
    struct fake_message *m = message_copy(bytes_of(b->data + from, len));
    m->buf = buf_ref(b);
    m->from = from;
    m->behind = behind;
    m->flags = behind > 0 ? flags & ~(unsigned)STREAM_LAST : flags;
    queue_append(&f->out, m);
}

/* A message or a run is in the queue. */
static void sending(struct fake_stream *f, unsigned flags)
{
    f->held++;
    if ((flags & STREAM_LAST) != 0) {
        f->last_sent = f->s.finished = true;
        f->half_closed = !f->server;
        f->status = status_ok();
    }
    go_on(f);
}

static int fake_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags)
{
    struct fake_stream *f = fake_stream_of(s);
    check_send(f, b, from, len);
    const int rv = may_send(f);
    if (rv != 0)
        return rv;
    append_out(f, b, from, len, 0, flags);
    sending(f, flags);
    return 0;
}

/* The length that a head tells; there must be so much behind it. */
static size_t check_head(const struct buf *b, size_t from, size_t end)
{
    cr_assert_leq(STREAM_HEAD_BYTES, end - from, "a run ends in mid-head");
    const uint8_t *head = b->data + from;
    cr_assert_eq(head[0], 0, "a message of a run has a flag");
    const size_t len =
        (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
    cr_assert_leq(len, end - from - STREAM_HEAD_BYTES, "a run ends in mid-message");
    return len;
}

static int fake_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t messages,
                         unsigned flags)
{
    struct fake_stream *f = fake_stream_of(s);
    const size_t end = from + len;
    check_send(f, b, from, len);
    cr_assert_gt(messages, 0, "a run of no message");
    const int rv = may_send(f);
    if (rv != 0)
        return rv;
    while (messages-- > 0) {
        const size_t bytes = check_head(b, from, end);
        append_out(f, b, from + STREAM_HEAD_BYTES, bytes, messages, flags);
        from += STREAM_HEAD_BYTES + bytes;
    }
    cr_assert_eq(from, end, "a run has bytes behind its messages");
    sending(f, flags);
    return 0;
}

static void close_with(struct fake_stream *f, const struct status *status)
{
    if (f->closing)
        return;
    f->closing = true;
    f->closing_with = *status;
    go_on(f);
}

static void client_finish(struct fake_stream *f, const struct status *status)
{
    f->half_closed = true;
    if (status->code == STATUS_OK)
        return;
    queue_clear(&f->in);
    close_with(f, status);
}

static void fake_finish(struct stream *s, const struct status *status)
{
    struct fake_stream *f = fake_stream_of(s);
    cr_assert(!f->closed, "stream_finish() after on_close");
    bool cancels = !f->server && status->code != STATUS_OK;
    if (s->finished && !(cancels && f->status.code == STATUS_OK))
        return;
    s->finished = true;
    f->status = *status;
    if (!f->server)
        client_finish(f, status);
    go_on(f);
}

static const struct stream_ops fake_ops = {
    .read = fake_read,
    .send = fake_send,
    .send_run = fake_send_run,
    .finish = fake_finish,
};

/* --- What the stream calls ---------------------------------------------------------- */

/* Nothing more comes in: a server that answered, or a client that cancelled. */
static bool is_deaf(const struct fake_stream *f)
{
    return f->s.finished && (f->server || f->status.code != STATUS_OK);
}

static void step_open(struct fake_stream *f)
{
    if (!f->opening)
        return;
    f->opening = false;
    stream_deliver_open(&f->s);
    if (f->one_request) { /* comes without asking */
        f->reading = true;
        f->ended = true;
    }
}

/* A real stream passes the interceptors first. */
static void deliver(struct fake_stream *f, struct bytes bytes)
{
    const struct stream *s = &f->s;
    struct status why;
    if (s->method != NULL && s->method->requests == ONE && s->on->rules != NULL &&
        !rules_check(s->on->rules, bytes, &why))
        fake_finish(&f->s, &why);
    else
        stream_deliver(&f->s, bytes);
}

static bool step_in(struct fake_stream *f)
{
    if (!f->reading || is_deaf(f))
        return false;
    if (f->in.n > 0) {
        struct fake_message *m = queue_take(&f->in);
        f->reading = false;
        deliver(f, m->bytes);
        message_free(m);
        return true;
    }
    if (f->ended && !f->closing) {
        f->reading = false;
        stream_deliver_end(&f->s);
        return true;
    }
    return false;
}

/* One message goes out; returns how many of its run are behind it. */
static size_t put_out(struct fake_stream *f)
{
    struct fake_message *m = queue_take(&f->out);
    f->s.out.bytes += m->bytes.len;
    cr_assert(bytes_equal(m->bytes, bytes_of(m->buf->data + m->from, m->bytes.len)),
              "sent bytes were changed before they went out");
    buf_unref(m->buf);
    m->buf = NULL;
    queue_append(&f->sent, m);
    return m->behind;
}

static bool step_out(struct fake_stream *f)
{
    if (f->window_closed || f->held == 0)
        return false;
    while (put_out(f) > 0)
        ;
    f->held--;
    if (f->s.on->on_sent != NULL && !f->s.finished)
        f->s.on->on_sent(&f->s);
    return true;
}

static void step_drain(struct fake_stream *f)
{
    if (!f->draining)
        return;
    f->draining = false;
    if (f->s.on->on_drain != NULL)
        f->s.on->on_drain(&f->s);
}

/* A server that finished is over when all is out; a client's status waits
 * until the messages before it are read. */
static bool is_over(const struct fake_stream *f)
{
    if (f->closing)
        return f->in.n == 0;
    return f->server && f->s.finished && f->held == 0;
}

/* The last step: on_close may free the fake. */
static void step_close(struct fake_stream *f)
{
    if (!is_over(f))
        return;
    f->close_status = f->closing ? f->closing_with : f->status;
    task_cancel(&f->work);
    queue_clear(&f->out);
    f->held = 0;
    queue_clear(&f->in);
    f->closed = true;
    stream_deliver_close(&f->s, &f->close_status);
}

static void on_work(struct task *task)
{
    struct fake_stream *f = container_of(task, struct fake_stream, work);
    step_open(f);
    bool more = step_in(f);
    while (f->burst && step_in(f))
        ;
    more |= step_out(f);
    step_drain(f);
    if (more)
        go_on(f);
    step_close(f);
}

/* --- Opening ------------------------------------------------------------------------ */

static struct fake_stream *new_stream(struct loop *loop, const struct stream_handler *handler)
{
    struct fake_stream *f = calloc(1, sizeof *f);
    cr_assert_not_null(f, "out of memory");
    f->s.ops = &fake_ops;
    f->s.on = handler;
    f->s.loop = loop;
    f->s.arena = arena_new(DECODED_MAX_BYTES);
    cr_assert_not_null(f->s.arena, "out of memory");
    f->work.run = on_work;
    queue_init(&f->in);
    queue_init(&f->out);
    queue_init(&f->sent);
    return f;
}

static struct fake_stream *new_server(struct loop *loop, const struct method *method)
{
    struct fake_stream *f = new_stream(loop, method->handler);
    f->s.method = method;
    f->server = f->opening = true;
    go_on(f);
    return f;
}

struct fake_stream *fake_stream_open(struct loop *loop, const struct method *method)
{
    cr_assert_eq(method->requests, MANY, "%s has one request: fake_stream_request()", method->path);
    return new_server(loop, method);
}

struct fake_stream *fake_stream_request(struct loop *loop, const struct method *method,
                                        struct bytes request)
{
    cr_assert_eq(method->requests, ONE, "%s has many requests: fake_stream_open()", method->path);
    struct fake_stream *f = new_server(loop, method);
    f->one_request = true;
    queue_append(&f->in, message_copy(request));
    return f;
}

struct fake_stream *fake_stream_dial(struct loop *loop, const struct stream_handler *handler,
                                     void *data)
{
    struct fake_stream *f = new_stream(loop, handler);
    f->s.data = data;
    return f;
}

void fake_stream_free(struct fake_stream *f)
{
    if (f == NULL)
        return;
    task_cancel(&f->work);
    queue_clear(&f->in);
    queue_clear(&f->out);
    queue_clear(&f->sent);
    arena_free(f->s.arena);
    free(f);
}

/* --- The peer ----------------------------------------------------------------------- */

void fake_stream_push(struct fake_stream *f, struct bytes message)
{
    if (is_deaf(f)) /* it crossed the cancel or the answer: lost */
        return;
    cr_assert(!f->closing && !f->ended, "the peer sends after its end");
    queue_append(&f->in, message_copy(message));
    go_on(f);
}

void fake_stream_push_message(struct fake_stream *f, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    cr_assert_not_null(packed, "out of memory");
    protobuf_c_message_pack(message, packed);
    fake_stream_push(f, bytes_of(packed, size));
    free(packed);
}

void fake_stream_end(struct fake_stream *f)
{
    f->ended = true;
    go_on(f);
}

void fake_stream_close(struct fake_stream *f, enum status_code code, const char *message)
{
    if (f->server)
        queue_clear(&f->in);
    struct status status = status_of(code, "%s", message);
    close_with(f, &status);
}

void fake_stream_break(struct fake_stream *f, enum status_code code, const char *message)
{
    queue_clear(&f->in);
    fake_stream_close(f, code, message);
}

void fake_stream_drain(struct fake_stream *f)
{
    f->draining = true;
    go_on(f);
}

/* --- The transport
 * ----------------------------------------------------------------------------------- */

void fake_stream_window(struct fake_stream *f, bool open)
{
    f->window_closed = !open;
    go_on(f);
}

/* --- What was sent
 * -------------------------------------------------------------------------------------- */

const struct fake_message *fake_stream_sent(const struct fake_stream *f, size_t i)
{
    cr_assert_lt(i, f->sent.n, "message %zu was asked for, %zu were sent", i, f->sent.n);
    const struct fake_message *m = f->sent.first;
    while (i-- > 0)
        m = m->next;
    return m;
}

ProtobufCMessage *fake_stream_sent_message(const struct fake_stream *f, size_t i,
                                           const ProtobufCMessageDescriptor *type)
{
    const struct fake_message *m = fake_stream_sent(f, i);
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, m->bytes.len, m->bytes.data);
    cr_assert_not_null(message, "message %zu is not a valid %s", i, type->name);
    return message;
}
