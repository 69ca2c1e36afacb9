/* The beginning and the end of an answer: gRPC's own, those of dialects, and HTTP's
 * alone. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "base/states.h"
#include "http_call.h"
#include "lane.h"
#include "web_gate.h"

static const struct state_row states[] = {
    [OUT_QUIET] = { .next = STATE(OUT_STARTED) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_STARTED] = { .next = STATE(OUT_WAITING) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_WAITING] = { .next = STATE(OUT_STARTED) | STATE(OUT_ENDING) | STATE(OUT_RESET) },
    [OUT_ENDING] = { .next = STATE(OUT_ENDED) | STATE(OUT_RESET) },
    [OUT_ENDED] = { .next = 0 },
    [OUT_RESET] = { .next = 0 },
};

void out_move(struct http_call *c, enum out_state next)
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

static void add_headers(struct nvs *to, const struct http_call *c)
{
    add(to, HEADER_FIXED(":status", "200"));
    add(to, HEADER_FIXED("content-type", "application/grpc"));
    add(to, HEADER_FIXED("grpc-accept-encoding", "identity, deflate, gzip"));
    const char *encoding = call_encoding(c);
    if (encoding != NULL)
        add(to, *encoding == 'g' ? HEADER_FIXED("grpc-encoding", "gzip")
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

/* The session says no only without memory. */
static void respond(struct http_call *c, const nghttp2_nv *nv, size_t n, bool body)
{
    if (!c->conn->ops->respond(c, nv, n, body))
        conn_break(c->conn, REFUSED_MEMORY);
}

/* --- A dialect's -------------------------------------------------------------------- */

static void put_length(struct answer *a, size_t bytes)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", bytes);
    answer_put(a, "content-length", length);
}

/* The body is all there. */
static void put_size(struct http_call *c, struct answer *a)
{
    put_length(a, call_out_ready(c));
    c->out.sized = true;
}

/* @status: see dialect.h. */
static void respond_in_dialect(struct http_call *c, const struct status *status, bool body)
{
    struct answer a = { 0 };
    nghttp2_nv nv[ANSWER_HEADERS_MAX + SENT_HEADERS_MAX + 1];
    c->dialect->head(&c->spoken, &a, status);
    web_gate_mark(c, &a);
    if (c->dialect->head_waits)
        put_size(c, &a);
    size_t n = answer_nvs(&a, nv);
    for (const struct sent_header *one = c->out.headers.first; one != NULL; one = one->next)
        nv[n++] = one->nv;
    if (a.no_memory)
        conn_break(c->conn, REFUSED_MEMORY);
    else
        respond(c, nv, n, body);
    answer_clear(&a);
}

/* Nothing was sent, and the status is known. */
static bool tells_status(const struct http_call *c)
{
    return c->dialect->head_waits || (c->out.closed && c->out.ends_at_once);
}

static bool make_end(struct http_call *c, struct buf *to, bool started)
{
    const struct dialect *d = c->dialect;
    return d->end == NULL || d->end(&c->spoken, &c->last, started, to);
}

/* Takes @tail. */
static void queue_tail(struct http_call *c, struct buf *tail)
{
    struct outgoing m = { .buf = tail, .len = tail->len, .passed_bytes = tail->len };
    m.coded = true;
    c->out.queue[c->out.queued++] = m;
    if (!call_recode_tail(c, &c->out.queue[c->out.queued - 1]))
        conn_break(c->conn, REFUSED_MEMORY);
    http_call_note(c);
}

void call_head_close(struct http_call *c)
{
    if (c->out.closed || c->out.state >= OUT_ENDING)
        return;
    if (c->out.state == OUT_QUIET && c->dialect->head_waits && c->last.code != STATUS_OK)
        call_out_truncate(c);
    struct buf *tail = buf_new(256);
    const bool started = c->out.state != OUT_QUIET || c->out.queued > 0;
    if (tail == NULL || !make_end(c, tail, started))
        conn_break(c->conn, REFUSED_MEMORY);
    else if (tail->len > 0)
        queue_tail(c, buf_ref(tail));
    buf_unref(tail);
    c->out.closed = true;
    c->out.ends_at_once = !started;
}

/* --- Answers ------------------------------------------------------------------------ */

void call_head_start(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_STARTED);
    if (c->dialect != NULL) {
        respond_in_dialect(c, tells_status(c) ? &c->last : NULL, true);
        return;
    }
    add_headers(&nvs, c);
    respond(c, nvs.nv, nvs.n, true);
}

/* Of gRPC: Trailers-Only, headers and status in one frame. */
void call_head_only(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_ENDING);
    if (c->dialect != NULL) {
        respond_in_dialect(c, &c->last, false);
        return;
    }
    add_headers(&nvs, c);
    add_status(&nvs, c);
    respond(c, nvs.nv, nvs.n, false);
}

bool call_head_trailers(struct http_call *c)
{
    struct nvs nvs = { .n = 0 };
    out_move(c, OUT_ENDING);
    add_status(&nvs, c);
    if (c->conn->ops->trailers(c, nvs.nv, nvs.n))
        return true;
    conn_break(c->conn, REFUSED_MEMORY);
    return false;
}

/* --- HTTP's alone ------------------------------------------------------------------- */

/* So gRPC takes it: a client's call has failed. */
static void end_without_call(struct http_call *c, const struct answer *a)
{
    http_call_move(c, LIFE_FINISHING);
    c->last = a->status > 0 && a->status < 400
                  ? status_ok()
                  : status_of(STATUS_UNKNOWN, "HTTP status %u", a->status);
    c->stream.on = &server_nobody;
    c->out.status_passed = true;
    call_in_shut(c);
}

/* Of an answer with a body: it goes out as it is. */
static const struct dialect plain = { .answer_frames = FRAMES_WHOLE };

static bool is_head(struct http_call *c)
{
    const struct bytes verb = received_headers_get(&c->in.headers, ":method");
    return bytes_equal(verb, bytes_of_text("HEAD"));
}

static void queue_body(struct http_call *c, struct answer *a)
{
    c->dialect = &plain;
    c->out.closed = true;
    queue_tail(c, buf_ref(a->body));
    put_size(c, a);
}

/* HEAD is told how long the body is, and gets none: RFC 9110, 9.3.2. */
void call_answer(struct http_call *c, struct answer *a)
{
    nghttp2_nv nv[ANSWER_HEADERS_MAX + 1];
    const bool has_body = a->body != NULL && a->body->len > 0;
    const bool body = has_body && !is_head(c);
    end_without_call(c, a);
    web_gate_mark(c, a);
    if (body)
        queue_body(c, a);
    else if (has_body)
        put_length(a, a->body->len);
    if (a->no_memory) {
        conn_break(c->conn, REFUSED_MEMORY);
        return;
    }
    out_move(c, body ? OUT_STARTED : OUT_ENDING);
    respond(c, nv, answer_nvs(a, nv), body);
}

void call_refuse(struct http_call *c, unsigned http_status)
{
    struct answer a = { .status = http_status };
    call_answer(c, &a);
    answer_clear(&a);
}

/* --- What dialects ask for -------------------------------------------------------- */

bool dialect_put(const struct dialect_call *d, struct bytes body)
{
    return call_out_note(http_call_of(d->stream), body);
}

bool dialect_trailer(const struct dialect_call *d, size_t n, struct bytes *ret_name,
                     struct bytes *ret_value)
{
    const struct sent_header *one = http_call_of(d->stream)->out.trailers.first;
    while (one != NULL && n-- > 0)
        one = one->next;
    if (one == NULL)
        return false;
    *ret_name = bytes_of(one->nv.name, one->nv.namelen);
    *ret_value = bytes_of(one->nv.value, one->nv.valuelen);
    return true;
}
