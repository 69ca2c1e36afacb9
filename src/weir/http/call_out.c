/* What goes out on a call: headers, messages, the status. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "http_call.h"
#include "lane.h"

int call_out_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value)
{
    struct http_call *c = http_call_of(s);
    if (place == METADATA_HEADERS)
        return c->out.state != OUT_QUIET ? EPIPE : sent_headers_put(&c->out.headers, name, value);
    return c->out.status_passed ? EPIPE : sent_headers_put(&c->out.trailers, name, value);
}

/* --- The queue ---------------------------------------------------------------------- */

/* What the interceptors have let go, of all that is queued. */
size_t call_out_ready(const struct http_call *c)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < c->out.queued; i++) {
        const struct outgoing *m = &c->out.queue[i];
        const bool whole = m->passed == m->messages;
        if (whole || (m->passed > 0 && !c->out.recodes))
            bytes += (size_t)(m->head_len - m->head_sent) + m->passed_bytes - m->sent;
        if (!whole)
            break;
    }
    return bytes;
}

static bool all_passed(const struct http_call *c)
{
    for (unsigned i = 0; i < c->out.queued; i++)
        if (c->out.queue[i].passed < c->out.queue[i].messages)
            return false;
    return true;
}

static bool may_end(const struct http_call *c)
{
    return c->life == LIFE_FINISHING && c->out.status_passed;
}

/* Its HTTP status depends on how the call ends. */
static bool waits(const struct http_call *c)
{
    return c->dialect != NULL && c->dialect->head_waits && !may_end(c);
}

/* Tells the session that there is something. */
static void kick(struct http_call *c)
{
    if (c->dialect != NULL && may_end(c))
        call_head_close(c);
    const bool ends = may_end(c) && c->out.queued == 0;
    if (c->out.state >= OUT_ENDING || (call_out_ready(c) == 0 && !ends) || waits(c))
        return;
    if (c->out.state == OUT_QUIET && ends && (c->out.headers.n == 0 || c->dialect != NULL)) {
        call_head_only(c);
    } else if (c->out.state == OUT_QUIET) {
        call_head_start(c);
    } else if (c->out.state == OUT_WAITING && (!ends || c->dialect != NULL)) {
        out_move(c, OUT_STARTED);
        c->conn->ops->resume(c);
    }
    if (ends && c->out.state < OUT_ENDING && c->dialect == NULL)
        call_head_trailers(c); /* it needs no window: RFC 9113, 6.9 */
    conn_wants_flush(c->conn);
}

/* --- Interceptors ------------------------------------------------------------------- */

static bool has_hooks(const struct http_call *c)
{
    return c->interception.chain != NULL && c->interception.chain->stages[INTERCEPT_OUT].n > 0;
}

static void release(struct http_call *c, struct outgoing *m)
{
    m->passed = m->messages;
    m->passed_bytes = m->len;
    if (!c->out.recodes)
        return;
    if (call_recode(c, m)) {
        http_call_note(c); /* it has another size now */
        return;
    }
    const struct status why = status_no_memory();
    http_call_fail(c, &why);
}

/* The first message that has not passed is what the call ends before. */
static void reject_message(struct http_call *c, const struct status *why)
{
    unsigned i = 0;
    while (i < c->out.queued && c->out.queue[i].passed == c->out.queue[i].messages)
        i++;
    if (i == c->out.queued)
        return; /* it was rejected for another reason meanwhile */
    struct outgoing *m = &c->out.queue[i];
    const unsigned kept = m->passed > 0 ? i + 1 : i;
    while (c->out.queued > kept)
        buf_unref(c->out.queue[--c->out.queued].buf);
    if (m->passed > 0) {
        m->messages = m->passed;
        m->len = m->passed_bytes;
        release(c, m);
    }
    http_call_end(c, why);
}

/* false: it is held, or the call has failed. */
static bool pass_message(struct http_call *c, struct outgoing *m)
{
    struct status why;
    const struct bytes message = outgoing_message(m, m->passed_bytes);
    switch (interception_run(&c->interception, &c->stream, INTERCEPT_OUT, message, &why)) {
    case INTERCEPT_PASS:
        m->passed_bytes += message.len + (m->head_len > 0 ? 0 : STREAM_HEAD_BYTES);
        m->passed++;
        return true;
    case INTERCEPT_REJECT:
        reject_message(c, &why);
        return false;
    default:
        return false;
    }
}

static bool pass_run(struct http_call *c, struct outgoing *m)
{
    while (m->passed < m->messages)
        if (!pass_message(c, m))
            return false;
    return true;
}

static void pass_status(struct http_call *c)
{
    if (c->life != LIFE_FINISHING || c->out.status_passed || !all_passed(c) ||
        c->interception.held[INTERCEPT_FINISH])
        return;
    if (interception_run(&c->interception, &c->stream, INTERCEPT_FINISH, bytes_of(NULL, 0),
                         &c->last) != INTERCEPT_PASS)
        return;
    if (c->last.code != STATUS_OK)
        server_put_details(&c->stream, &c->last);
    c->out.status_passed = true;
}

/* Compressed, a run goes whole: only when all of it has passed. */
static void pass_queue(struct http_call *c)
{
    for (unsigned i = 0; i < c->out.queued && !c->interception.held[INTERCEPT_OUT]; i++) {
        struct outgoing *m = &c->out.queue[i];
        if (m->passed == m->messages)
            continue;
        if (!has_hooks(c) || pass_run(c, m))
            release(c, m);
    }
}

static void go_on(struct http_call *c)
{
    pass_queue(c);
    pass_status(c);
    kick(c);
}

void call_out_resume(struct http_call *c, enum intercept_stage stage, enum intercept verdict,
                     const struct status *why)
{
    if (stage == INTERCEPT_OUT && verdict == INTERCEPT_REJECT) {
        reject_message(c, why);
        return;
    }
    if (stage == INTERCEPT_FINISH && verdict == INTERCEPT_REJECT && why != NULL)
        c->last = *why;
    go_on(c);
}

/* --- Sending ------------------------------------------------------------------------ */

size_t call_out_held(const struct http_call *c)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < c->out.queued; i++)
        bytes += c->out.queue[i].len;
    const struct method *m = c->stream.method;
    return m != NULL && m->responses == MANY ? 2 * bytes : bytes;
}

/* A note is the first: it is only put where nothing waits. */
static bool is_noted(const struct http_call *c)
{
    return c->out.queued > 0 && c->out.queue[0].is_note;
}

static int enqueue(struct http_call *c, const struct outgoing *m)
{
    struct stream *s = &c->stream;
    if (s->finished || c->life != LIFE_OPEN)
        return EPIPE;
    if (c->out.queued == (is_noted(c) ? 3 : 2))
        return EAGAIN;
    if (c->out.queued == 0)
        c->out.progress_ms = loop_now_ms(s->loop);
    buf_ref(m->buf);
    c->out.queue[c->out.queued++] = *m;
    http_call_note(c);
    traffic_count(&s->out, m->messages,
                  m->len - (m->head_len > 0 ? 0 : m->messages * STREAM_HEAD_BYTES));
    if (m->flags & STREAM_LAST) {
        const struct status ok = status_ok();
        stream_finish(s, &ok);
    } else {
        go_on(c);
    }
    return 0;
}

int call_out_send(struct stream *s, struct buf *b, size_t from, size_t len, unsigned flags)
{
    struct outgoing m = { .buf = b,
                          .from = from,
                          .len = len,
                          .messages = 1,
                          .head_len = STREAM_HEAD_BYTES,
                          .flags = flags };
    stream_put_head(m.head, len);
    return enqueue(http_call_of(s), &m);
}

int call_out_send_run(struct stream *s, struct buf *b, size_t from, size_t len, size_t n,
                      unsigned flags)
{
    const struct outgoing m = { .buf = b, .from = from, .len = len, .messages = n, .flags = flags };
    return enqueue(http_call_of(s), &m);
}

bool call_out_note(struct http_call *c, struct bytes body)
{
    if (!http_call_is_open(c) || c->out.queued > 0 || c->out.state >= OUT_ENDING)
        return false;
    struct buf *b = buf_copy(body);
    if (b == NULL)
        return false;
    c->out.progress_ms = loop_now_ms(c->stream.loop);
    c->out.queue[c->out.queued++] = (struct outgoing){
        .buf = b, .len = body.len, .passed_bytes = body.len, .coded = true, .is_note = true
    };
    kick(c);
    return true;
}

void call_out_finish(struct http_call *c)
{
    go_on(c);
}

/* --- What the session asks for ------------------------------------------------------ */

bool call_out_ends(const struct http_call *c)
{
    return may_end(c) && all_passed(c);
}

void call_out_wait(struct http_call *c)
{
    if (c->out.state == OUT_STARTED)
        out_move(c, OUT_WAITING);
}

bool call_out_end(struct http_call *c)
{
    if (c->dialect == NULL)
        return call_head_trailers(c);
    out_move(c, OUT_ENDING);
    return true;
}

static void pop(struct http_call *c)
{
    buf_unref(c->out.queue[0].buf);
    c->out.queue[0] = c->out.queue[1];
    if (--c->out.queued > 1)
        memmove(&c->out.queue[1], &c->out.queue[2], (c->out.queued - 1) * sizeof c->out.queue[0]);
}

/* A run is out: its handler is told when the socket has taken it. */
static void owe(struct http_call *c)
{
    if (c->out.owed++ == 0)
        ring_append(&c->conn->sent, &c->out.link);
}

static size_t put_head(struct outbox *o, struct outgoing *m, size_t room)
{
    size_t n = (size_t)(m->head_len - m->head_sent);
    if (n > room)
        n = room;
    if (n > 0)
        outbox_copy(o, bytes_of(m->head + m->head_sent, n));
    m->head_sent = (uint8_t)(m->head_sent + n);
    return n;
}

static size_t put_some(struct http_call *c, struct outbox *o, size_t room)
{
    struct outgoing *m = &c->out.queue[0];
    const size_t head = put_head(o, m, room);
    size_t n = m->passed_bytes - m->sent;
    if (n > room - head)
        n = room - head;
    if (n > 0)
        outbox_put(o, m->buf, m->from + m->sent, n);
    m->sent += n;
    if (m->sent == m->len && m->head_sent == m->head_len) {
        const bool was_note = m->is_note;
        pop(c);
        if (!was_note)
            owe(c);
        http_call_note(c);
    }
    return head + n;
}

void call_out_take(struct http_call *c, struct outbox *o, size_t len)
{
    assert(call_out_ready(c) >= len);
    while (len > 0)
        len -= put_some(c, o, len);
    c->out.progress_ms = loop_now_ms(c->stream.loop);
}

/* --- What became of it -------------------------------------------------------------- */

bool call_out_waits(const struct http_call *c)
{
    return c->out.queued > 0 || c->out.state == OUT_ENDING;
}

void call_out_sent(struct http_call *c)
{
    ring_remove(&c->out.link);
    while (c->out.owed > 0) {
        c->out.owed--;
        if (http_call_is_open(c) && c->stream.on->on_sent != NULL)
            c->stream.on->on_sent(&c->stream);
    }
}

static bool has_begun(const struct outgoing *m)
{
    return m->sent > 0 || m->head_sent > 0;
}

/* Cuts a run behind the message that is on its way: what is left is whole. Returns
 * whether something is left. */
static bool cut_run(struct outgoing *m)
{
    size_t at = 0, messages_kept = 0;
    if (m->head_len > 0 || m->coded)
        return has_begun(m);
    while (at < m->sent) {
        at += STREAM_HEAD_BYTES + outgoing_message(m, at).len;
        messages_kept++;
    }
    m->messages = m->passed = messages_kept;
    m->len = m->passed_bytes = at;
    return at > m->sent;
}

void call_out_truncate(struct http_call *c)
{
    while (c->out.queued > 1 || (c->out.queued == 1 && !has_begun(&c->out.queue[0])))
        buf_unref(c->out.queue[--c->out.queued].buf);
    if (c->out.queued == 1 && !cut_run(&c->out.queue[0]))
        pop(c);
    const bool is_closing = c->out.queued > 0 && c->out.queue[0].messages == 0 && !is_noted(c);
    c->out.closed = c->out.closed && is_closing; /* else the end of a dialect's body is made anew */
}

bool call_out_drop(struct http_call *c)
{
    call_out_truncate(c);
    const bool between = c->out.queued == 0 && c->out.state < OUT_ENDING && !c->out.sized;
    while (c->out.queued > 0)
        pop(c);
    return between;
}

void call_out_reset(struct http_call *c, uint32_t error_code)
{
    if (call_out_is_over(c))
        return;
    out_move(c, OUT_RESET);
    if (!c->conn->ops->reset(c, error_code))
        conn_break(c->conn, REFUSED_MEMORY);
    conn_wants_flush(c->conn);
}

void call_out_ended(struct http_call *c)
{
    if (c->out.state != OUT_ENDING)
        return;
    out_move(c, OUT_ENDED);
    c->conn->ops->ended(c);
}

void call_out_close(struct http_call *c)
{
    while (c->out.queued > 0)
        pop(c);
    ring_remove(&c->out.link);
    sent_headers_clear(&c->out.headers);
    sent_headers_clear(&c->out.trailers);
}
