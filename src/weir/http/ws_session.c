#include "ws_session.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/states.h"
#include "ws_frames.h"

/* Of the message of headers, as of a head of HTTP/1. */
#define HEADERS_MAX_BYTES ((size_t)16 * 1024)

#define TRAILERS_FLAG 0x80

/* A frame with less is what floods are made of, if another one of its message follows. */
#define SMALL_BYTES 256

enum ws_state {
    WS_HEADERS, /* the message of headers is coming */
    WS_CALL,    /* requests */
    WS_HALF,    /* the client has said that there are no more */
    WS_OVER,    /* nothing of it is looked at any more */
};

static const struct state_row states[] = {
    [WS_HEADERS] = { NULL, STATE(WS_CALL) | STATE(WS_OVER) },
    [WS_CALL] = { NULL, STATE(WS_HALF) | STATE(WS_OVER) },
    [WS_HALF] = { NULL, STATE(WS_OVER) },
    [WS_OVER] = { NULL, 0 },
};

struct ws {
    enum ws_state state;
    struct ws_reader reader;
    struct buf *headers;    /* so far */
    bool ends;              /* the message that is coming began with the byte 1 */
    uint64_t message_bytes; /* of it, so far */
    uint8_t control[WS_CONTROL_BYTES];
    size_t control_len;
};

static void ws_move(struct ws *w, enum ws_state next)
{
    w->state = state_step(states, w->state, next);
}

/* --- The beginning ------------------------------------------------------------------ */

static struct bytes field(const struct h1_head *head, const char *name)
{
    for (size_t i = 0; i < head->n; i++)
        if (bytes_equal(head->fields[i].name, bytes_of_text(name)))
            return head->fields[i].value;
    return bytes_of("", 0);
}

bool ws_is_wanted(const struct h1_head *head)
{
    return head->upgrades && h1_list_has(field(head, "upgrade"), "websocket");
}

unsigned ws_check(const struct h1_head *head)
{
    const bool is_get = bytes_equal(head->method, bytes_of_text("GET"));
    if (!is_get || head->minor == 0 || head->chunked || head->length > 0 ||
        field(head, "sec-websocket-key").len != 24)
        return 400;
    if (!bytes_equal(field(head, "sec-websocket-version"), bytes_of_text("13")))
        return 426;
    return h1_list_has(field(head, "sec-websocket-protocol"), "grpc-websockets") ? 0 : 400;
}

/* What proves that we have understood (RFC 6455, 4.2.2). */
static void accept_text(struct bytes key, char to[32])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t both[24 + sizeof guid], digest[SHA_DIGEST_LENGTH];
    memcpy(both, key.data, 24);
    memcpy(both + 24, guid, sizeof guid - 1);
    SHA1(both, 24 + sizeof guid - 1, digest);
    const size_t len = base64_encode(to, bytes_of(digest, sizeof digest), BASE64_STANDARD);
    to[len] = '=';
    to[len + 1] = '\0';
}

bool ws_begin(struct h1 *h, const struct h1_head *head)
{
    char accept[32];
    h->ws = calloc(1, sizeof *h->ws);
    if (h->ws == NULL)
        return false;
    h->ws->headers = buf_new(512);
    if (h->ws->headers == NULL)
        return false;
    accept_text(field(head, "sec-websocket-key"), accept);
    h1_say_text(h, "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
                   "connection: upgrade\r\nsec-websocket-protocol: grpc-websockets\r\n"
                   "sec-websocket-accept: ");
    h1_say_text(h, accept);
    h1_say_text(h, "\r\n\r\n");
    h->conn->ops = &ws_session;
    h1_move(h, H1_SOCKET);
    conn_expect_hello(h->conn);
    return true;
}

/* --- What goes out ------------------------------------------------------------------ */

static void say_frame(struct h1 *h, enum ws_opcode opcode, struct bytes content)
{
    uint8_t head[WS_HEAD_MAX];
    h1_say(h, bytes_of(head, ws_put_head(head, opcode, content.len)));
    h1_say(h, content);
}

/* It ends, with a word to the client. */
static void say_close(struct h1 *h, unsigned code)
{
    const uint8_t content[] = { (uint8_t)(code >> 8), (uint8_t)code };
    if (h->ws->state == WS_OVER)
        return;
    ws_move(h->ws, WS_OVER);
    h->has_body = false;
    say_frame(h, WS_CLOSE, bytes_of(content, sizeof content));
}

/* The call, if there is one, is cut with it. */
static void cut(struct h1 *h, unsigned code, enum refusal why)
{
    say_close(h, code);
    conn_break(h->conn, why);
}

void ws_ping(struct h1 *h)
{
    if (h->ws != NULL && h->ws->state != WS_OVER)
        say_frame(h, WS_PING, bytes_of("", 0));
}

/* Headers or trailers, as gRPC-Web's last frame. */
static bool say_block(struct h1 *h, const nghttp2_nv *nv, size_t n)
{
    uint8_t head[STREAM_HEAD_BYTES] = { 0 };
    struct buf *b = buf_new(512);
    bool put = b != NULL && buf_append(b, bytes_of(head, sizeof head));
    for (size_t i = 0; put && i < n; i++)
        put = nv[i].name[0] == ':' || (buf_append(b, bytes_of(nv[i].name, nv[i].namelen)) &&
                                       buf_append(b, bytes_of(": ", 2)) &&
                                       buf_append(b, bytes_of(nv[i].value, nv[i].valuelen)) &&
                                       buf_append(b, bytes_of("\r\n", 2)));
    if (put) {
        stream_put_head(b->data, b->len - sizeof head);
        b->data[0] = TRAILERS_FLAG;
        say_frame(h, WS_BINARY, buf_bytes(b));
    }
    buf_unref(b);
    return put;
}

void ws_end(struct h1 *h)
{
    h->has_body = false;
    h->ended = true;
    say_close(h, WS_NORMAL);
}

static bool respond(struct http_call *c, const nghttp2_nv *nv, size_t n, bool body)
{
    struct h1 *h = c->conn->h1;
    if (h->ws->state == WS_OVER)
        return true; /* nothing follows a close */
    h->has_body = body;
    if (!say_block(h, nv, n))
        return false;
    if (!body)
        ws_end(h);
    return true;
}

static bool trailers(struct http_call *c, const nghttp2_nv *nv, size_t n)
{
    struct h1 *h = c->conn->h1;
    const bool said = h->ws->state == WS_OVER || say_block(h, nv, n);
    ws_end(h);
    return said;
}

static bool reset(struct http_call *c, uint32_t code)
{
    (void)code;
    say_close(c->conn->h1, WS_INTERNAL);
    return h1_session.reset(c, code);
}

static void forget(struct http_call *c)
{
    h1_session.forget(c);
}

static void resume(struct http_call *c)
{
    h1_session.resume(c);
}

static void consume(struct http_call *c, size_t bytes)
{
    h1_session.consume(c, bytes);
}

static void nothing_to_widen(struct http_call *c, uint32_t window)
{
    (void)c, (void)window;
}

static void ended(struct http_call *c)
{
    (void)c;
}

const struct session_ops ws_session = {
    .protocol = "websocket",
    .carries = CARRIES_GRPC_ALONE,
    .respond = respond,
    .resume = resume,
    .trailers = trailers,
    .reset = reset,
    .consume = consume,
    .widen = nothing_to_widen,
    .ended = ended,
    .forget = forget,
};

/* --- What comes in ------------------------------------------------------------------ */

static void charge(struct h1 *h)
{
    struct conn *c = h->conn;
    if (!flood_charge(&c->flood, 1, loop_now_ms(c->lane->loop)))
        cut(h, WS_POLICY, REFUSED_FLOOD);
}

/* The headers are whole: the call begins. */
static void begin_call(struct h1 *h)
{
    struct ws *w = h->ws;
    struct h1_head head;
    struct http_call *c = h->call;
    const bool put = buf_append(w->headers, bytes_of("\r\n", 2));
    if (!put || !h1_fields_parse(&head, w->headers->data, w->headers->len)) {
        cut(h, WS_PROTOCOL_ERROR, REFUSED_PROTOCOL_ERROR);
        return;
    }
    received_headers_own(&c->in.headers, buf_ref(w->headers));
    for (size_t i = 0; i < head.n; i++)
        if (!received_headers_put(&c->in.headers, head.fields[i].name, head.fields[i].value)) {
            conn_break(h->conn, REFUSED_MEMORY);
            return;
        }
    ws_move(w, WS_CALL);
    conn_heard_hello(h->conn);
    http_call_begin(c, false);
}

static void take_headers(struct h1 *h, const struct ws_piece *p)
{
    struct ws *w = h->ws;
    if (w->headers->len + p->bytes.len > HEADERS_MAX_BYTES)
        cut(h, WS_TOO_BIG, REFUSED_HEADERS_TOO_LARGE);
    else if (!buf_append(w->headers, p->bytes))
        conn_break(h->conn, REFUSED_MEMORY);
    else if (p->last && p->final)
        begin_call(h);
}

static void half_close(struct h1 *h)
{
    ws_move(h->ws, WS_HALF);
    if (h->call != NULL && h->call->in.state == IN_OPEN)
        call_in_end(h->call);
}

static void take_requests(struct h1 *h, const struct ws_piece *p)
{
    struct ws *w = h->ws;
    struct bytes bytes = p->bytes;
    if (w->message_bytes == 0 && bytes.len > 0) {
        w->ends = *bytes.data == 1;
        if (*bytes.data > 1 || w->state == WS_HALF) {
            cut(h, WS_PROTOCOL_ERROR, REFUSED_PROTOCOL_ERROR);
            return;
        }
        bytes = bytes_of(bytes.data + 1, bytes.len - 1);
        w->message_bytes = 1;
    }
    w->message_bytes += bytes.len;
    if (w->ends && bytes.len > 0) {
        cut(h, WS_PROTOCOL_ERROR, REFUSED_PROTOCOL_ERROR);
    } else if (bytes.len > 0 && h->call != NULL) {
        h->unread += bytes.len;
        call_in_data(h->call, bytes);
    }
    if (!p->last || !p->final || w->state != WS_CALL)
        return;
    if (w->ends)
        half_close(h);
    w->message_bytes = 0;
    w->ends = false;
}

static void take_message(struct h1 *h, const struct ws_piece *p)
{
    const bool is_small = p->frame_bytes == 0 || (!p->final && p->frame_bytes < SMALL_BYTES);
    if (p->first && is_small)
        charge(h);
    if (p->opcode == WS_TEXT) {
        cut(h, WS_UNSUPPORTED, REFUSED_PROTOCOL_ERROR);
        return;
    }
    if (h->ws->state == WS_HEADERS)
        take_headers(h, p);
    else if (h->ws->state != WS_OVER)
        take_requests(h, p);
}

static void answer_close(struct h1 *h)
{
    const struct ws *w = h->ws;
    const unsigned code =
        w->control_len >= 2 ? (unsigned)(w->control[0] << 8 | w->control[1]) : WS_NORMAL;
    say_close(h, code >= 3000 || code == WS_GOING_AWAY ? code : WS_NORMAL);
    h1_end_socket(h);
}

/* Pings, pongs and the end come whole, between the frames of a message. */
static void take_control(struct h1 *h, const struct ws_piece *p)
{
    struct ws *w = h->ws;
    if (p->first) {
        w->control_len = 0;
        charge(h);
    }
    memcpy(w->control + w->control_len, p->bytes.data, p->bytes.len);
    w->control_len += p->bytes.len;
    if (!p->last || h->conn->broken)
        return;
    if (p->opcode == WS_PING)
        say_frame(h, WS_PONG, bytes_of(w->control, w->control_len));
    else if (p->opcode == WS_PONG)
        conn_ponged(h->conn, PING_KEEPALIVE);
    else if (w->state != WS_OVER)
        answer_close(h);
}

void ws_take(struct h1 *h, struct bytes *input)
{
    struct ws_piece piece;
    switch (ws_read(&h->ws->reader, input, &piece)) {
    case WS_PIECE:
        if (piece.opcode >= WS_CLOSE)
            take_control(h, &piece);
        else
            take_message(h, &piece);
        break;
    case WS_BAD:
        cut(h, WS_PROTOCOL_ERROR, REFUSED_PROTOCOL_ERROR);
        break;
    default:
        break;
    }
}

size_t ws_held(const struct h1 *h)
{
    if (h->ws == NULL)
        return 0;
    return sizeof *h->ws + (h->ws->state == WS_HEADERS ? h->ws->headers->cap : 0);
}

void ws_free(struct h1 *h)
{
    if (h->ws == NULL)
        return;
    buf_unref(h->ws->headers);
    free(h->ws);
    h->ws = NULL;
}
