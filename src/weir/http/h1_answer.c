/* Answers of HTTP/1.1: what a call says becomes a head, and a body of a length that is
 * known, in chunks, or up to the connection's end (HTTP/1.0). */
#include <stdio.h>
#include <string.h>

#include "h1_internal.h"
#include "ws_frames.h"
#include "ws_session.h"

/* A chunk's, with both line ends. */
#define CHUNK_BYTES ((size_t)16 * 1024)

const char *h1_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        { 200, "OK" },
        { 204, "No Content" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 499, "Client Closed Request" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

/* --- Heads -------------------------------------------------------------------------- */

void h1_say(struct h1 *h, struct bytes bytes)
{
    if (!buf_append(h->out, bytes))
        conn_break(h->conn, REFUSED_MEMORY);
    conn_wants_flush(h->conn);
}

void h1_say_text(struct h1 *h, const char *text)
{
    h1_say(h, bytes_of_text(text));
}

static void say_status(struct h1 *h, unsigned status)
{
    char line[80];
    snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\n", status, h1_phrase(status));
    h1_say_text(h, line);
}

static void say_field(struct h1 *h, struct bytes name, struct bytes value)
{
    h1_say(h, name);
    h1_say_text(h, ": ");
    h1_say(h, value);
    h1_say_text(h, "\r\n");
}

/* Anew once a second. */
static void say_date(struct h1 *h)
{
    struct lane *lane = h->conn->lane;
    const time_t now = time(NULL);
    struct tm tm;
    if (lane->date.at != now && gmtime_r(&now, &tm) != NULL) {
        strftime(lane->date.line, sizeof lane->date.line, "date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                 &tm);
        lane->date.at = now;
    }
    h1_say_text(h, lane->date.line);
}

void h1_refuse(struct h1 *h, unsigned status, const char *text, enum refusal why)
{
    char fields[120];
    counter_add(&h->conn->lane->stats.refused[why], 1);
    say_status(h, status);
    say_date(h);
    snprintf(fields, sizeof fields,
             "content-type: text/plain; charset=utf-8\r\ncontent-length: %zu\r\n"
             "connection: close\r\n\r\n",
             strlen(text) + 1);
    h1_say_text(h, fields);
    h1_say_text(h, text);
    h1_say_text(h, "\n");
    h1_move(h, H1_DEAD);
}

static bool is(const nghttp2_nv *nv, const char *name)
{
    return bytes_equal(bytes_of(nv->name, nv->namelen), bytes_of_text(name));
}

static unsigned number_of(const nghttp2_nv *status)
{
    unsigned n = 0;
    for (size_t i = 0; i < status->valuelen; i++)
        n = 10 * n + (unsigned)(status->value[i] - '0');
    return n;
}

/* How the end of the body is told. */
static void say_framing(struct h1 *h, unsigned status, bool sized)
{
    if (sized)
        return;
    if (!h->has_body) {
        if (status != 204 && status != 304)
            h1_say_text(h, "content-length: 0\r\n");
    } else if (h->minor == 1) {
        h->chunked = true;
        h1_say_text(h, "transfer-encoding: chunked\r\n");
    } else {
        h->keep_alive = false;
    }
}

/* What is left of a request that is answered before its end is read and thrown away, if that is
 * little; otherwise the connection ends with the answer. So does that of HEAD, whose body is
 * nowhere made. */
#define LEFT_MAX_BYTES ((uint64_t)64 * 1024)

static void say_connection(struct h1 *h)
{
    const struct h1_body *b = &h->body;
    const bool little = b->state == H1_LENGTH && b->left <= LEFT_MAX_BYTES && !h->continues;
    if ((!h1_body_is_over(b) && !little) || h->is_head || h->conn->state != CONN_OPEN)
        h->keep_alive = false;
    if (!h->keep_alive)
        h1_say_text(h, "connection: close\r\n");
    else if (h->minor == 0)
        h1_say_text(h, "connection: keep-alive\r\n");
}

static bool respond(struct http_call *c, const nghttp2_nv *nv, size_t n, bool body)
{
    struct h1 *h = c->conn->h1;
    bool sized = false;
    const unsigned status = number_of(&nv[0]);
    h->has_body = body && !h->is_head;
    say_status(h, status);
    say_date(h);
    for (size_t i = 1; i < n; i++) {
        sized |= is(&nv[i], "content-length");
        say_field(h, bytes_of(nv[i].name, nv[i].namelen), bytes_of(nv[i].value, nv[i].valuelen));
    }
    say_framing(h, status, sized);
    say_connection(h);
    h1_say_text(h, "\r\n");
    if (!h->has_body)
        h->ended = true;
    return true;
}

/* --- Bodies ------------------------------------------------------------------------- */

static void put_ws_frame(struct h1 *h, size_t n)
{
    uint8_t head[WS_HEAD_MAX];
    struct outbox *o = &h->conn->lane->outbox;
    outbox_copy(o, bytes_of(head, ws_put_head(head, WS_BINARY, n)));
    call_out_take(h->call, o, n);
}

static void put_chunk(struct h1 *h, size_t n)
{
    char size[24];
    struct outbox *o = &h->conn->lane->outbox;
    if (h->state == H1_SOCKET) {
        put_ws_frame(h, n);
        return;
    }
    const int len = h->chunked ? snprintf(size, sizeof size, "%zx\r\n", n) : 0;
    if (len > 0)
        outbox_copy(o, bytes_of(size, (size_t)len));
    call_out_take(h->call, o, n);
    if (len > 0)
        outbox_copy(o, bytes_of("\r\n", 2));
}

static void end_body(struct h1 *h)
{
    call_out_end(h->call);
    if (h->state == H1_SOCKET) {
        ws_end(h);
        return;
    }
    if (h->chunked)
        outbox_copy(&h->conn->lane->outbox, bytes_of("0\r\n\r\n", 5));
    h->has_body = false;
    h->ended = true;
}

static void collect_body(struct h1 *h)
{
    const struct outbox *o = &h->conn->lane->outbox;
    while (h->call != NULL && h->has_body && outbox_has_room(o)) {
        const size_t ready = call_out_ready(h->call);
        if (ready > 0)
            put_chunk(h, ready < CHUNK_BYTES ? ready : CHUNK_BYTES);
        else if (call_out_ends(h->call))
            end_body(h);
        else
            break;
    }
    if (h->call != NULL && h->has_body && call_out_ready(h->call) == 0)
        call_out_wait(h->call);
}

void h1_collect(struct conn *c)
{
    struct h1 *h = c->h1;
    struct outbox *o = &c->lane->outbox;
    while (h->out->len > 0 && outbox_has_room(o)) {
        const size_t n = h->out->len < CHUNK_BYTES ? h->out->len : CHUNK_BYTES;
        outbox_copy(o, bytes_of(h->out->data, n));
        h->out->len -= n;
        memmove(h->out->data, h->out->data + n, h->out->len);
    }
    if (h->out->len == 0)
        collect_body(h);
    if (h->ended && h->call != NULL)
        call_out_ended(h->call);
}

bool h1_wants_write(const struct conn *c)
{
    const struct h1 *h = c->h1;
    return h->out->len > 0 || (h->call != NULL && h->has_body &&
                               (call_out_ready(h->call) > 0 || call_out_ends(h->call)));
}

/* --- What a call asks --------------------------------------------------------------- */

static void resume(struct http_call *c)
{
    conn_wants_flush(c->conn);
}

/* Those of gRPC, which is not spoken here. */
static bool trailers(struct http_call *c, const nghttp2_nv *nv, size_t n)
{
    (void)c, (void)nv, (void)n;
    return true;
}

/* The body is cut, and nothing else can tell of it than the connection's end. */
static void hang_up(struct conn *c)
{
    c->broken = true;
    conn_wants_flush(c);
}

static bool reset(struct http_call *c, uint32_t code)
{
    (void)code;
    hang_up(c->conn);
    return true;
}

static void consume(struct http_call *c, size_t bytes)
{
    struct h1 *h = c->conn->h1;
    if (h == NULL)
        return;
    const bool was_full = h->unread >= H1_WINDOW_BYTES;
    h->unread = bytes < h->unread ? h->unread - bytes : 0;
    if (was_full && h->unread < H1_WINDOW_BYTES)
        c->conn->heard_ms = loop_now_ms(c->conn->lane->loop); /* it could not be heard before */
    if (c->conn->held || h->waiting != NULL)
        conn_wants_flush(c->conn);
}

static void widen(struct http_call *c, uint32_t window)
{
    (void)c, (void)window;
}

static void ended(struct http_call *c)
{
    (void)c;
}

static void forget(struct http_call *c)
{
    c->conn->h1->call = NULL;
    hang_up(c->conn);
}

const struct session_ops h1_session = {
    .carries = CARRIES_WEB,
    .respond = respond,
    .resume = resume,
    .trailers = trailers,
    .reset = reset,
    .consume = consume,
    .widen = widen,
    .ended = ended,
    .forget = forget,
};
