/* What goes out on a call: headers, messages, the status. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/deflate.h"
#include "base/log.h"
#include "base/states.h"
#include "http_call.h"
#include "lane.h"

static const struct state_row states[] = {
    [OUT_QUIET] = { .next = STATE(OUT_STARTED) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_STARTED] = { .next = STATE(OUT_WAITING) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_WAITING] = { .next = STATE(OUT_STARTED) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_ENDING] = { .next = STATE(OUT_ENDED) | STATE(OUT_RESET) },
    [OUT_ENDED] = { .next = 0 },
    [OUT_RESET] = { .next = 0 },
};

/* The only writer of out.state. */
static void out_move(struct http_call *c, enum out_state next)
{
    c->out.state = state_step(states, c->out.state, next);
    c->out.started |= next == OUT_STARTED;
    if (next == OUT_ENDING)
        c->out.progress_ms = loop_now_ms(c->stream.loop);
}

/* --- Headers ------------------------------------------------------------------------ */

struct nvs {
    nghttp2_nv nv[2 * SENT_HEADERS_MAX + SENT_HEADERS_FIXED];
    size_t n;
    char message[3 * STATUS_MESSAGE_MAX];
};

static void add(struct nvs *to, nghttp2_nv nv)
{
    to->nv[to->n++] = nv;
}

static void add_all(struct nvs *to, const struct sent_headers *h)
{
    for (const struct sent_header *one = h->first; one != NULL; one = one->next)
        add(to, one->nv);
}

static bool compresses(const struct http_call *c)
{
    return c->conn->lane->server->options.compress && c->out.encodings != 0;
}

static bool takes_gzip(const struct http_call *c)
{
    return (c->out.encodings & ENCODING_BIT(ENCODING_GZIP)) != 0;
}

static void add_headers(struct nvs *to, const struct http_call *c)
{
    add(to, HEADER_FIXED(":status", "200"));
    add(to, HEADER_FIXED("content-type", "application/grpc"));
    add(to, HEADER_FIXED("grpc-accept-encoding", "identity, deflate, gzip"));
    if (compresses(c))
        add(to, takes_gzip(c) ? HEADER_FIXED("grpc-encoding", "gzip")
                              : HEADER_FIXED("grpc-encoding", "deflate"));
    add_all(to, &c->out.headers);
}

static void add_status(struct nvs *to, const struct http_call *c)
{
    static const char *const numbers[] = { "0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                           "9", "10", "11", "12", "13", "14", "15", "16" };
    nghttp2_nv status = HEADER_FIXED("grpc-status", "0");
    status.value = (uint8_t *)(uintptr_t)numbers[c->last.code];
    status.valuelen = strlen(numbers[c->last.code]);
    add(to, status);
    if (c->last.message[0] != '\0') {
        nghttp2_nv message = HEADER_FIXED("grpc-message", "");
        message.value = (uint8_t *)to->message;
        message.valuelen = percent_encode(to->message, sizeof to->message, c->last.message);
        message.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX;
        add(to, message);
    }
    add_all(to, &c->out.trailers);
}

static const nghttp2_data_provider messages = { .read_callback = call_out_read };

/* nghttp2 refuses only without memory, and for a stream that is gone. */
static void check(struct http_call *c, int rv)
{
    if (rv == NGHTTP2_ERR_NOMEM)
        conn_break(c->conn, REFUSED_MEMORY);
}

static void start(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_STARTED);
    add_headers(&nvs, c);
    check(c, nghttp2_submit_response(c->conn->session, c->id, nvs.nv, nvs.n, &messages));
}

/* Trailers-Only: headers and status in one frame. */
static void answer_status(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_ENDING);
    add_headers(&nvs, c);
    add_status(&nvs, c);
    check(c, nghttp2_submit_response(c->conn->session, c->id, nvs.nv, nvs.n, NULL));
}

static int submit_status(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_ENDING);
    add_status(&nvs, c);
    return nghttp2_submit_trailer(c->conn->session, c->id, nvs.nv, nvs.n);
}

void call_out_refuse(struct http_call *c, const char *http_status)
{
    nghttp2_nv status = HEADER_FIXED(":status", "415");
    status.value = (uint8_t *)(uintptr_t)http_status;
    http_call_move(c, LIFE_FINISHING);
    c->last = status_of(STATUS_UNKNOWN, "HTTP status %s", http_status); /* so gRPC takes it */
    c->stream.on = &server_nobody;
    call_in_shut(c);
    out_move(c, OUT_ENDING);
    check(c, nghttp2_submit_response(c->conn->session, c->id, &status, 1, NULL));
}

int call_out_put(struct stream *s, enum metadata_place place, const char *name, struct bytes value)
{
    struct http_call *c = http_call_of(s);
    if (place == METADATA_HEADERS)
        return c->out.state != OUT_QUIET ? EPIPE : sent_headers_put(&c->out.headers, name, value);
    return c->out.status_passed ? EPIPE : sent_headers_put(&c->out.trailers, name, value);
}

/* --- The queue ---------------------------------------------------------------------- */

static struct bytes message_at(const struct outgoing *m, size_t at)
{
    const uint8_t *data = m->buf->data + m->from + at;
    if (m->head_len > 0)
        return bytes_of(data, m->len);
    const size_t len =
        (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    return bytes_of(data + STREAM_HEAD_BYTES, len);
}

/* What the interceptors have let go, of all that is queued. */
static size_t ready_bytes(const struct http_call *c)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < c->out.queued; i++) {
        const struct outgoing *m = &c->out.queue[i];
        const bool whole = m->passed == m->messages;
        if (whole || (m->passed > 0 && !compresses(c)))
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

/* Tells nghttp2 that there is something. */
static void kick(struct http_call *c)
{
    const bool ends = may_end(c) && c->out.queued == 0;
    if (c->out.state >= OUT_ENDING || (ready_bytes(c) == 0 && !ends))
        return;
    if (c->out.state == OUT_QUIET && ends && c->out.headers.n == 0) {
        answer_status(c);
    } else if (c->out.state == OUT_QUIET) {
        start(c);
    } else if (c->out.state == OUT_WAITING && !ends) {
        out_move(c, OUT_STARTED);
        nghttp2_session_resume_data(c->conn->session, c->id);
    }
    if (ends && c->out.state < OUT_ENDING)
        check(c, submit_status(c)); /* it needs no window: RFC 9113, 6.9 */
    conn_wants_flush(c->conn);
}

/* --- Interceptors ------------------------------------------------------------------- */

static bool has_hooks(const struct http_call *c)
{
    return c->interception.chain != NULL && c->interception.chain->stages[INTERCEPT_OUT].n > 0;
}

/* Packs each message of @m: it becomes another run. */
static bool pack(struct http_call *c, struct outgoing *m)
{
    struct buf *packed = buf_new(m->len / 2 + 64);
    for (size_t at = 0, i = 0; packed != NULL && i < m->messages; i++) {
        const struct bytes plain = message_at(m, at);
        struct buf *one = NULL;
        const enum deflate_result result =
            deflate_message(c->conn->lane->deflater, plain, takes_gzip(c), &one);
        const struct bytes body = result == DEFLATE_OK ? buf_bytes(one) : plain;
        uint8_t head[STREAM_HEAD_BYTES];
        stream_put_head(head, body.len);
        head[0] = result == DEFLATE_OK;
        const bool put = result != DEFLATE_NOMEM &&
                         buf_append(packed, bytes_of(head, sizeof head)) &&
                         buf_append(packed, body);
        buf_unref(one);
        at += STREAM_HEAD_BYTES + plain.len;
        if (!put) {
            buf_unref(packed);
            packed = NULL;
        }
    }
    if (packed == NULL)
        return false;
    log_debug("call %p: %zu bytes packed with %s in %zu", (void *)c, m->len,
              takes_gzip(c) ? "gzip" : "deflate", packed->len);
    buf_unref(m->buf);
    m->buf = packed;
    m->from = m->head_len = 0;
    m->len = m->passed_bytes = packed->len;
    return true;
}

static void release(struct http_call *c, struct outgoing *m)
{
    m->passed = m->messages;
    m->passed_bytes = m->len;
    if (!compresses(c) || (m->flags & STREAM_PLAIN) != 0 || pack(c, m))
        return;
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
    const struct bytes message = message_at(m, m->passed_bytes);
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

static int enqueue(struct http_call *c, const struct outgoing *m)
{
    struct stream *s = &c->stream;
    if (s->finished || c->life != LIFE_OPEN)
        return EPIPE;
    if (c->out.queued == 2)
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

void call_out_finish(struct http_call *c)
{
    go_on(c);
}

/* --- What nghttp2 asks for ---------------------------------------------------------- */

ssize_t call_out_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                      uint32_t *flags, nghttp2_data_source *source, void *conn)
{
    struct http_call *c = http_call_at(session, id);
    (void)buf;
    (void)source;
    (void)conn;
    if (c == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (c->out.state >= OUT_ENDING) { /* the status overtook it */
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return 0;
    }
    const size_t ready = ready_bytes(c);
    const bool ends = may_end(c) && all_passed(c) && ready <= room;
    if (ready == 0 && !ends) {
        if (c->out.state == OUT_STARTED)
            out_move(c, OUT_WAITING);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (ready > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (ends) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_status(c) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)(ready < room ? ready : room);
}

static void pop(struct http_call *c)
{
    buf_unref(c->out.queue[0].buf);
    c->out.queue[0] = c->out.queue[1];
    c->out.queued--;
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
        pop(c);
        owe(c);
        http_call_note(c);
    }
    return head + n;
}

/* The middle of a message in less than this is what a window makes that is opened
 * byte by byte. */
#define TINY_FRAME_BYTES 256

int call_out_write(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                   nghttp2_data_source *source, void *arg)
{
    struct conn *conn = arg;
    struct outbox *o = &conn->lane->outbox;
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    const size_t bytes = len;
    (void)source;
    assert(c != NULL && ready_bytes(c) >= len);
    outbox_copy(o, bytes_of(head, 9));
    while (len > 0)
        len -= put_some(c, o, len);
    c->out.progress_ms = loop_now_ms(c->stream.loop);
    conn_sent_data(conn, bytes >= TINY_FRAME_BYTES || c->out.owed > 0);
    return outbox_has_room(o) ? 0 : NGHTTP2_ERR_PAUSE;
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
    if (m->head_len > 0)
        return has_begun(m);
    while (at < m->sent) {
        at += STREAM_HEAD_BYTES + message_at(m, at).len;
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
}

bool call_out_drop(struct http_call *c)
{
    call_out_truncate(c);
    const bool between = c->out.queued == 0 && c->out.state < OUT_ENDING;
    while (c->out.queued > 0)
        pop(c);
    return between;
}

void call_out_reset(struct http_call *c, uint32_t error_code)
{
    if (call_out_is_over(c))
        return;
    out_move(c, OUT_RESET);
    check(c, nghttp2_submit_rst_stream(c->conn->session, NGHTTP2_FLAG_NONE, c->id, error_code));
    conn_wants_flush(c->conn);
}

/* A client that still sends is told to stop: it has its answer (RFC 9113, 8.1). */
void call_out_ended(struct http_call *c)
{
    if (c->out.state != OUT_ENDING)
        return;
    out_move(c, OUT_ENDED);
    if (nghttp2_session_get_stream_remote_close(c->conn->session, c->id) == 0)
        nghttp2_submit_rst_stream(c->conn->session, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_NO_ERROR);
}

void call_out_close(struct http_call *c)
{
    while (c->out.queued > 0)
        pop(c);
    ring_remove(&c->out.link);
    sent_headers_clear(&c->out.headers);
    sent_headers_clear(&c->out.trailers);
}
