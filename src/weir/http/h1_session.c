#include "h1_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/log.h"
#include "base/states.h"
#include "h1_internal.h"
#include "web_gate.h"
#include "ws_session.h"

/* Of a request's head, as on HTTP/2 (http_session.c), with its first line. */
#define HEAD_MAX_BYTES ((size_t)16 * 1024)

/* Of what comes too early. The socket is read up to there, for only so its end is seen. */
#define WAITING_BYTES ((size_t)16 * 1024)

static const struct state_row states[] = {
    [H1_HEAD] = { NULL, STATE(H1_BUSY) | STATE(H1_SOCKET) | STATE(H1_DEAD) },
    [H1_BUSY] = { NULL, STATE(H1_HEAD) | STATE(H1_DEAD) },
    [H1_SOCKET] = { NULL, STATE(H1_DEAD) },
    [H1_DEAD] = { NULL, 0 },
};

void h1_move(struct h1 *h, enum h1_state next)
{
    h->state = state_step(states, h->state, next);
    if (next == H1_DEAD)
        conn_wants_flush(h->conn);
}

static struct bytes waiting(const struct h1 *h)
{
    return h->waiting == NULL
               ? bytes_of("", 0)
               : bytes_of(h->waiting->data + h->waiting_from, h->waiting->len - h->waiting_from);
}

static size_t room_of(const struct buf *b)
{
    return b != NULL ? b->cap : 0;
}

/* Tells the connection's books what it holds. */
static void note(struct h1 *h)
{
    const size_t now =
        sizeof *h + room_of(h->head) + room_of(h->waiting) + room_of(h->out) + ws_held(h);
    h->conn->held_bytes += now - h->counted;
    h->counted = now;
}

/* --- A head ------------------------------------------------------------------------- */

static void drop_head(struct h1 *h)
{
    buf_unref(h->head);
    h->head = NULL;
    h->seen = 0;
}

/* The first byte of a head begins the time that it may take, as the connection's own
 * beginning does for the first one. */
static bool begin_head(struct h1 *h)
{
    struct conn *c = h->conn;
    h->head = buf_new(512);
    if (h->head == NULL)
        return false;
    if (c->state == CONN_OPEN)
        conn_expect_hello(c);
    return true;
}

static void end_head(struct h1 *h)
{
    struct conn *c = h->conn;
    if (c->state == CONN_HELLO)
        conn_move(c, CONN_OPEN);
    conn_heard_hello(c);
}

/* Empty lines before a request are left out (RFC 9112, 2.2). */
static void skip_line_ends(struct h1 *h, struct bytes *input)
{
    while (h->head == NULL && input->len > 0 && (*input->data == '\r' || *input->data == '\n'))
        *input = bytes_of(input->data + 1, input->len - 1);
}

static void put_fields(struct http_call *c, const struct h1_head *head)
{
    struct received_headers *to = &c->in.headers;
    bool put = received_headers_put(to, bytes_of_text(":method"), head->method) &&
               received_headers_put(to, bytes_of_text(":path"), head->path) &&
               received_headers_put(to, bytes_of_text(":authority"), head->authority);
    for (size_t i = 0; put && i < head->n; i++)
        put = received_headers_put(to, head->fields[i].name, head->fields[i].value);
    if (!put)
        conn_break(c->conn, REFUSED_MEMORY);
}

static void set_answer(struct h1 *h, const struct h1_head *head)
{
    h->minor = head->minor;
    h->keep_alive = head->keep_alive && h->conn->state == CONN_OPEN;
    h->is_head = bytes_equal(head->method, bytes_of_text("HEAD"));
    h->continues = head->expects_continue;
    h->has_body = h->chunked = h->ended = false;
    h->unread = 0;
}

/* false: it was answered otherwise. */
static bool may_be_socket(struct h1 *h, const struct h1_head *head)
{
    struct answer a = { 0 };
    unsigned wrong = ws_check(head);
    const bool may = wrong == 0 && web_gate_pass(h->call, &a);
    if (wrong != 0)
        answer_status(&a, wrong);
    if (wrong == 426)
        answer_put(&a, "sec-websocket-version", "13");
    if (!may) {
        h1_move(h, H1_BUSY);
        call_answer(h->call, &a);
    }
    answer_clear(&a);
    return may;
}

/* The request becomes a WebSocket, which has the call. */
static void begin_socket(struct h1 *h, const struct h1_head *head)
{
    h->keep_alive = false;
    if (may_be_socket(h, head) && !ws_begin(h, head))
        conn_break(h->conn, REFUSED_MEMORY);
}

/* Its call: the head's texts are the call's from here on. */
static void begin_call(struct h1 *h, const struct h1_head *head)
{
    struct http_call *c = lane_is_full(h->conn->lane) ? NULL : http_call_new(h->conn, 0);
    if (c == NULL) {
        h1_refuse(h, 503, "there is no memory for another call", REFUSED_MEMORY);
        return;
    }
    received_headers_own(&c->in.headers, buf_ref(h->head));
    put_fields(c, head);
    set_answer(h, head);
    h->call = c;
    h1_body_begin(&h->body, head->chunked, head->length);
    if (ws_is_wanted(head)) {
        begin_socket(h, head);
        return;
    }
    h1_move(h, H1_BUSY);
    http_call_begin(c, h1_body_is_over(&h->body));
    if (h->continues && !h1_body_is_over(&h->body) && c->out.state == OUT_QUIET &&
        c->in.state == IN_OPEN) {
        h->continues = false;
        h1_say_text(h, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

static void take_whole_head(struct h1 *h, size_t len)
{
    struct h1_head head;
    const unsigned wrong = h1_head_parse(&head, h->head->data, len);
    end_head(h);
    if (wrong != 0)
        h1_refuse(h, wrong, "the request's head is malformed, or too large",
                  wrong == 431 ? REFUSED_HEADERS_TOO_LARGE : REFUSED_PROTOCOL_ERROR);
    else
        begin_call(h, &head);
    drop_head(h);
}

static void take_head(struct h1 *h, struct bytes *input)
{
    bool bad = false;
    skip_line_ends(h, input);
    if (input->len == 0)
        return;
    if (h->head == NULL && !begin_head(h)) {
        conn_break(h->conn, REFUSED_MEMORY);
        return;
    }
    const size_t before = h->head->len, room = HEAD_MAX_BYTES - before;
    const size_t n = input->len < room ? input->len : room;
    if (!buf_append(h->head, bytes_of(input->data, n))) {
        conn_break(h->conn, REFUSED_MEMORY);
        return;
    }
    const size_t len = h1_head_length(h->head->data, h->head->len, h->seen, &bad);
    h->seen = h->head->len;
    const size_t used = len > 0 ? len - before : n;
    *input = bytes_of(input->data + used, input->len - used);
    if (bad)
        h1_refuse(h, 400, "a line does not end in CR LF", REFUSED_PROTOCOL_ERROR);
    else if (len > 0)
        take_whole_head(h, len);
    else if (h->head->len == HEAD_MAX_BYTES)
        h1_refuse(h, 431, "the request's head is too large", REFUSED_HEADERS_TOO_LARGE);
}

static void begin_next(struct h1 *h)
{
    const bool goes_on = h->keep_alive && h->conn->state == CONN_OPEN;
    conn_heard_hello(h->conn);
    h1_move(h, goes_on ? H1_HEAD : H1_DEAD);
}

/* --- A body ------------------------------------------------------------------------- */

/* What is left of a body cannot be told from the next request. */
static void break_body(struct h1 *h)
{
    struct http_call *c = h->call;
    if (c != NULL && c->out.state != OUT_QUIET) {
        conn_break(h->conn, REFUSED_PROTOCOL_ERROR);
        return;
    }
    h->call = NULL;
    if (c != NULL)
        http_call_over(c);
    h1_refuse(h, 400, "the request's body is malformed", REFUSED_PROTOCOL_ERROR);
}

static void take_body(struct h1 *h, struct bytes *input)
{
    struct bytes piece;
    switch (h1_body_next(&h->body, input, &piece)) {
    case H1_BODY_DATA:
        if (h->call == NULL)
            break;
        h->unread += piece.len;
        call_in_data(h->call, piece);
        break;
    case H1_BODY_BAD:
        break_body(h);
        return;
    default:
        break;
    }
    if (!h1_body_is_over(&h->body))
        return;
    if (h->call == NULL)
        begin_next(h);
    else if (h->call->in.state == IN_OPEN)
        call_in_end(h->call);
}

/* --- Bytes -------------------------------------------------------------------------- */

/* Whether the next bytes may be looked at now. */
static bool may_take(const struct h1 *h)
{
    if (h->conn->broken || h->conn->state >= CONN_LINGER)
        return false;
    if (h->state == H1_SOCKET)
        return h->unread < H1_WINDOW_BYTES;
    return h->state != H1_BUSY || (!h1_body_is_over(&h->body) && h->unread < H1_WINDOW_BYTES);
}

bool h1_listens(const struct conn *c)
{
    const struct h1 *h = c->h1;
    const bool is_call = h->state == H1_BUSY || h->state == H1_SOCKET;
    return is_call && may_take(h) && h->waiting == NULL && !c->held && c->rest == NULL;
}

static void take(struct h1 *h, struct bytes *input)
{
    while (input->len > 0 && may_take(h)) {
        switch (h->state) {
        case H1_HEAD:
            take_head(h, input);
            break;
        case H1_BUSY:
            take_body(h, input);
            break;
        case H1_SOCKET:
            ws_take(h, input);
            break;
        default:
            *input = bytes_of(input->data, 0);
            break;
        }
        if (h->conn->borrower != NULL)
            call_in_settle(h->conn->borrower);
    }
}

static void drop_taken(struct h1 *h)
{
    struct buf *b = h->waiting;
    b->len -= h->waiting_from;
    memmove(b->data, b->data + h->waiting_from, b->len);
    h->waiting_from = 0;
}

/* What comes too early waits. When that is much, nothing more is read: it is no more than a
 * read beyond. */
static bool keep(struct h1 *h, struct bytes rest)
{
    if (rest.len == 0 || h->conn->broken)
        return true;
    if (h->waiting == NULL)
        h->waiting = buf_new(rest.len);
    else if (h->waiting_from * 2 >= h->waiting->len)
        drop_taken(h);
    if (h->waiting == NULL || !buf_append(h->waiting, rest))
        return false;
    if (waiting(h).len >= WAITING_BYTES)
        conn_hold(h->conn);
    return true;
}

bool h1_parse(struct conn *c, struct bytes bytes)
{
    struct h1 *h = c->h1;
    c->parsing = true;
    if (h->waiting == NULL)
        take(h, &bytes);
    const bool kept = keep(h, bytes);
    c->parsing = false;
    note(h);
    if (!kept)
        conn_break(c, REFUSED_MEMORY);
    return kept;
}

static void take_waiting(struct h1 *h)
{
    const struct bytes all = waiting(h);
    struct bytes rest = all;
    h->conn->parsing = true;
    take(h, &rest);
    h->conn->parsing = false;
    h->waiting_from += all.len - rest.len;
    if (rest.len > 0)
        return;
    buf_unref(h->waiting);
    h->waiting = NULL;
    h->waiting_from = 0;
}

/* The answer is out, and the call with it. */
static void end_call(struct h1 *h)
{
    struct http_call *c = h->call;
    h->call = NULL;
    h->ended = false;
    if (c != NULL)
        http_call_over(c);
    if (h->state == H1_SOCKET)
        h1_move(h, H1_DEAD);
    if (h->state != H1_BUSY)
        return;
    if (!h->keep_alive || h1_body_is_over(&h->body))
        begin_next(h);
    else
        conn_expect_hello(h->conn); /* for what is left of the body, which nobody wants */
}

void h1_end_socket(struct h1 *h)
{
    struct http_call *c = h->call;
    h->call = NULL;
    h->has_body = false;
    if (c != NULL)
        http_call_over(c);
    if (h->state == H1_SOCKET)
        h1_move(h, H1_DEAD);
}

void h1_go_on(struct conn *c)
{
    struct h1 *h = c->h1;
    if (h->ended)
        end_call(h);
    if (h->waiting != NULL && may_take(h))
        take_waiting(h);
    note(h);
    if (h->waiting == NULL && may_take(h))
        conn_go_on(c); /* which may be its end */
}

bool h1_is_done(const struct conn *c)
{
    const struct h1 *h = c->h1;
    const bool idle = h->state == H1_HEAD && h->head == NULL && c->state == CONN_LEAVING;
    return (h->state == H1_DEAD || idle) && h->call == NULL && h->out->len == 0;
}

/* --- Life --------------------------------------------------------------------------- */

/* A client that is gone without a word, while nothing is asked of it that it could leave
 * unanswered: its kernel is asked. */
static void ask_kernel(struct conn *c)
{
    const struct connection_options *o = &c->lane->server->options.connections;
    const unsigned idle_s = (unsigned)((o->keepalive_time_ms + 999) / 1000);
    if (idle_s > 0 && c->uv.handle.type == UV_TCP)
        uv_tcp_keepalive(&c->uv.tcp, 1, idle_s);
}

bool h1_open(struct conn *c)
{
    struct h1 *h = calloc(1, sizeof *h);
    if (h == NULL)
        return false;
    h->out = buf_new(256);
    if (h->out == NULL) {
        free(h);
        return false;
    }
    h->conn = c;
    c->h1 = h;
    c->ops = &h1_session;
    ask_kernel(c);
    note(h);
    return true;
}

void h1_free(struct conn *c)
{
    struct h1 *h = c->h1;
    if (h == NULL)
        return;
    c->h1 = NULL;
    c->held_bytes -= h->counted;
    buf_unref(h->head);
    buf_unref(h->waiting);
    buf_unref(h->out);
    ws_free(h);
    free(h);
}
