/* What messages become on their way out: what a dialect makes of them, packed, and in
 * the dialect's coat. Only whole runs, and only when the interceptors have let them go. */
#include "base/deflate.h"
#include "base/log.h"
#include "http_call.h"
#include "lane.h"

static bool compresses(const struct http_call *c)
{
    return c->conn->lane->server->options.compress && c->out.encodings != 0;
}

static bool takes_gzip(const struct http_call *c)
{
    return (c->out.encodings & ENCODING_BIT(ENCODING_GZIP)) != 0;
}

const char *call_encoding(const struct http_call *c)
{
    if (!compresses(c))
        return NULL;
    return takes_gzip(c) ? "gzip" : "deflate";
}

const char *dialect_encoding(const struct dialect_call *d)
{
    return call_encoding(http_call_of(d->stream));
}

static bool has_heads(const struct http_call *c)
{
    return c->dialect == NULL || c->dialect->answer_frames == FRAMES_GRPC;
}

bool call_recodes(const struct http_call *c)
{
    const struct dialect *d = c->dialect;
    return (has_heads(c) && compresses(c)) || (d != NULL && (d->encode != NULL || d->wrap != NULL));
}

struct bytes outgoing_message(const struct outgoing *m, size_t at)
{
    const uint8_t *data = m->buf->data + m->from + at;
    if (m->head_len > 0)
        return bytes_of(data, m->len);
    const size_t len =
        (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    return bytes_of(data + STREAM_HEAD_BYTES, len);
}

/* --- A run becomes another ---------------------------------------------------------- */

/* Takes @to, which is NULL without memory. */
static bool replace(struct outgoing *m, struct buf *to, bool coded)
{
    if (to == NULL)
        return false;
    buf_unref(m->buf);
    m->buf = to;
    m->from = m->head_len = 0;
    m->len = m->passed_bytes = to->len;
    m->coded = coded;
    return true;
}

/* Appends one message to @to. */
typedef bool put_fn(struct http_call *c, struct bytes message, struct buf *to);

static struct buf *each(struct http_call *c, const struct outgoing *m, size_t room, put_fn *put)
{
    struct buf *to = buf_new(room);
    for (size_t at = 0, i = 0; to != NULL && i < m->messages; i++) {
        const struct bytes message = outgoing_message(m, at);
        at += STREAM_HEAD_BYTES + message.len;
        if (!put(c, message, to)) {
            buf_unref(to);
            to = NULL;
        }
    }
    return to;
}

static bool put_packed(struct http_call *c, struct bytes plain, struct buf *to)
{
    struct buf *one = NULL;
    const enum deflate_result result =
        deflate_message(c->conn->lane->deflater, plain, takes_gzip(c), &one);
    const struct bytes body = result == DEFLATE_OK ? buf_bytes(one) : plain;
    uint8_t head[STREAM_HEAD_BYTES];
    stream_put_head(head, body.len);
    head[0] = result == DEFLATE_OK;
    const bool put = result != DEFLATE_NOMEM && buf_append(to, bytes_of(head, sizeof head)) &&
                     buf_append(to, body);
    buf_unref(one);
    return put;
}

static bool pack(struct http_call *c, struct outgoing *m)
{
    const size_t before = m->len;
    if (!replace(m, each(c, m, m->len / 2 + 64, put_packed), false))
        return false;
    log_debug("call %p: %zu bytes packed with %s in %zu", (void *)c, before, call_encoding(c),
              m->len);
    return true;
}

/* --- A dialect's -------------------------------------------------------------------- */

static bool put_bare(struct http_call *c, struct bytes message, struct buf *to)
{
    return c->dialect->encode(&c->spoken, message, to);
}

static bool put_framed(struct http_call *c, struct bytes message, struct buf *to)
{
    const size_t from = to->len;
    uint8_t head[STREAM_HEAD_BYTES] = { 0 };
    if (!buf_append(to, bytes_of(head, sizeof head)) || !put_bare(c, message, to))
        return false;
    stream_put_head(to->data + from, to->len - from - sizeof head);
    return true;
}

static bool encode(struct http_call *c, struct outgoing *m)
{
    const bool heads = has_heads(c);
    return replace(m, each(c, m, 2 * m->len + 64, heads ? put_framed : put_bare), !heads);
}

/* A message whose head lies beside it becomes a run of one. */
static bool join_head(struct outgoing *m)
{
    struct buf *to = m->head_len > 0 ? buf_new(m->head_len + m->len) : NULL;
    if (m->head_len == 0)
        return true;
    if (to == NULL)
        return false;
    buf_append(to, bytes_of(m->head, m->head_len));
    buf_append(to, bytes_of(m->buf->data + m->from, m->len));
    return replace(m, to, false);
}

static bool wrap(struct http_call *c, struct outgoing *m)
{
    struct buf *to = join_head(m) ? buf_new(m->len / 3 * 4 + 16) : NULL;
    if (to != NULL && !c->dialect->wrap(&c->spoken, bytes_of(m->buf->data + m->from, m->len), to)) {
        buf_unref(to);
        return false;
    }
    return replace(m, to, true);
}

bool call_recode(struct http_call *c, struct outgoing *m)
{
    const struct dialect *d = c->dialect;
    if (d != NULL && d->encode != NULL && !encode(c, m))
        return false;
    if (has_heads(c) && compresses(c) && (m->flags & STREAM_PLAIN) == 0 && !pack(c, m))
        return false;
    return d == NULL || d->wrap == NULL || wrap(c, m);
}

bool call_recode_tail(struct http_call *c, struct outgoing *m)
{
    return c->dialect->wrap == NULL || wrap(c, m);
}
