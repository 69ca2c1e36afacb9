/* A connection's bytes: from the socket, through TLS where there is, to nghttp2;
 * and back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "h1_session.h"
#include "http_call.h"
#include "lane.h"
#include "tls_session.h"

static void write_collected(struct conn *c);
static void linger(struct conn *c);

/* --- In ----------------------------------------------------------------------------- */

/* What speaks something else hears that this is HTTP/2: SETTINGS, and a GOAWAY
 * with PROTOCOL_ERROR (RFC 9113, 3.4). A client of TLS makes "wrong version" of
 * it, which tells more than a closed connection. */
static void refuse_preface(struct conn *c)
{
    static const char frames[] = "\0\0\0\4\0\0\0\0\0"  /* SETTINGS */
                                 "\0\0\10\7\0\0\0\0\0" /* GOAWAY */
                                 "\0\0\0\0\0\0\0\1";   /* PROTOCOL_ERROR */
    counter_add(&c->lane->stats.refused[REFUSED_BAD_PREFACE], 1);
    outbox_copy(&c->lane->outbox, bytes_of(frames, sizeof frames - 1));
    write_collected(c);
    if (c->state < CONN_LINGER)
        linger(c);
}

/* What is not HTTP/2's preface is a request of HTTP/1, which begins with a letter. What came of
 * the preface belongs to it. */
static void take_other(struct conn *c, uint8_t first)
{
    const bool is_letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
    const bool is_line_end = first == '\r' || first == '\n';
    const bool is_h1 = c->preface_len > 0 || is_letter || is_line_end;
    if (c->lane->server->options.web == NULL || !is_h1) {
        refuse_preface(c);
        return;
    }
    if (!h1_open(c) || !h1_parse(c, bytes_of(NGHTTP2_CLIENT_MAGIC, c->preface_len)))
        conn_cut(c, REFUSED_MEMORY);
}

/* No session before the whole preface is there: strangers cost little. */
static void take_preface(struct conn *c, struct bytes *bytes)
{
    while (c->preface_len < NGHTTP2_CLIENT_MAGIC_LEN && bytes->len > 0) {
        if (*bytes->data != (uint8_t)NGHTTP2_CLIENT_MAGIC[c->preface_len]) {
            take_other(c, *bytes->data);
            return;
        }
        c->preface_len++;
        *bytes = bytes_of(bytes->data + 1, bytes->len - 1);
    }
    if (c->preface_len < NGHTTP2_CLIENT_MAGIC_LEN)
        return;
    if (!conn_open_session(c)) {
        conn_cut(c, REFUSED_MEMORY);
        return;
    }
    conn_move(c, CONN_OPEN);
    if (!conn_parse(c, bytes_of(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN)))
        conn_close(c);
}

/* Plain bytes. */
static void take(struct conn *c, struct bytes bytes)
{
    if (c->state == CONN_HELLO && c->h1 == NULL)
        take_preface(c, &bytes);
    if (c->h1 != NULL) {
        if (bytes.len > 0 && !c->broken)
            h1_parse(c, bytes);
    } else if ((c->state == CONN_OPEN || c->state == CONN_LEAVING) && bytes.len > 0 && !c->broken &&
               !conn_parse(c, bytes))
        c->broken = true;
    conn_wants_flush(c);
}

static void tls_failed(struct conn *c)
{
    if (c->broken)
        return;
    log_debug("connection %s: %s", c->peer, tls_session_error(c->tls));
    c->broken = true; /* the alert goes out first */
    counter_add(&c->lane->stats.refused[REFUSED_TLS_FAILED], 1);
    conn_wants_flush(c);
}

/* The input is read into plain bytes behind what came, in the same buffer. */
static void take_plain(struct conn *c)
{
    size_t n;
    while (c->state < CONN_LINGER && !c->broken && !c->held) {
        switch (tls_session_read(c->tls, c->lane->input, READ_MAX_BYTES, &n)) {
        case TLS_OK:
            take(c, bytes_of(c->lane->input, n));
            break;
        case TLS_FAILED:
            tls_failed(c);
            return;
        case TLS_CLOSED:
            c->fin_seen = true;
            return;
        default:
            return;
        }
    }
}

static void shake_hands(struct conn *c)
{
    switch (tls_session_handshake(c->tls)) {
    case TLS_OK:
        c->tls_ready = true;
        counter_add(&c->lane->stats.handshakes, 1);
        counter_add(&c->lane->stats.resumed, tls_session_resumed(c->tls));
        take_plain(c);
        break;
    case TLS_FAILED:
    case TLS_CLOSED:
        tls_failed(c);
        break;
    default:
        break;
    }
    conn_wants_flush(c);
}

static void go_on_shaking(struct conn *c)
{
    conn_start_io(c);
    shake_hands(c);
    if (c->fin_seen)
        conn_close(c);
}

/* One a round: what else waits goes in between. */
static void on_hello_turn(struct task *task)
{
    struct lane *lane = container_of(task, struct lane, hello_turn);
    if (ring_empty(&lane->hellos))
        return;
    struct conn *c = container_of(lane->hellos.next, struct conn, hello);
    ring_remove(&c->hello);
    if (!ring_empty(&lane->hellos))
        task_defer(lane->loop, task);
    go_on_shaking(c);
}

/* The next step of its TLS handshake takes long (a signature: half a millisecond with
 * RSA): such steps take turns, so that calls are not held up by many. */
static void queue_handshake(struct conn *c)
{
    struct lane *lane = c->lane;
    assert(ring_empty(&c->hello));
    ring_append(&lane->hellos, &c->hello);
    task_defer(lane->loop, &lane->hello_turn);
}

void conn_turns_init(struct lane *lane)
{
    ring_init(&lane->hellos);
    lane->hello_turn.run = on_hello_turn;
}

/* One that waits for its turn reads nothing meanwhile. */
static void take_cipher(struct conn *c, struct bytes bytes)
{
    if (!tls_session_feed(c->tls, bytes)) {
        conn_cut(c, REFUSED_MEMORY);
    } else if (c->tls_ready) {
        take_plain(c);
    } else if (tls_session_wants_turn(c->tls)) {
        uv_read_stop(&c->uv.stream);
        queue_handshake(c);
    } else {
        shake_hands(c);
    }
}

/* Without room libuv reads nothing, and asks again in the next round, for the socket
 * is still readable. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct conn *c = handle->data;
    const bool may = !c->paused && turn_may(&c->lane->reading, &c->reading);
    (void)suggested;
    *ret = uv_buf_init((char *)c->lane->input, may ? (unsigned)c->read_bytes : 0);
}

/* A turn that takes longer goes on in the next round: libuv would read up to 32
 * times, and calls of others wait meanwhile. */
#define TURN_NS 500000

static void bound_turn(struct conn *c)
{
    const uint64_t now_ns = clock_ns();
    if (c->turn_ns == 0)
        c->turn_ns = now_ns;
    if (now_ns - c->turn_ns < TURN_NS || c->paused || c->state >= CONN_LINGER)
        return;
    c->paused = true;
    conn_wants_flush(c);
}

static void end_turn(struct conn *c)
{
    c->turn_ns = 0;
    c->paused = false;
}

/* It has read so much, which began so many calls. */
static void note_read(struct conn *c, size_t bytes, unsigned calls)
{
    turn_used(&c->lane->reading, &c->reading, calls, calls >= MANY_CALLS);
    if (c->reading.busy)
        c->read_bytes = READ_MIN_BYTES;
    else if (bytes == c->read_bytes && c->read_bytes < READ_MAX_BYTES)
        c->read_bytes *= 2;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n == 0 || n == UV_ENOBUFS || c->state == CONN_CLOSED)
        return;
    if (n < 0) {
        conn_close(c);
        return;
    }
    c->heard_ms = loop_now_ms(c->lane->loop);
    counter_add(&c->lane->stats.bytes_in, (uint64_t)n);
    const struct bytes bytes = bytes_of(buf->base, (size_t)n);
    const unsigned begun = c->begun;
    if (c->state == CONN_LINGER)
        return;
    if (c->tls != NULL)
        take_cipher(c, bytes);
    else
        take(c, bytes);
    if (c->fin_seen)
        conn_close(c);
    else if (c->state < CONN_LINGER)
        conn_note(c);
    note_read(c, (size_t)n, c->begun - begun);
    if ((size_t)n == buf->len && c->state < CONN_LINGER)
        bound_turn(c);
}

void conn_start_io(struct conn *c)
{
    uv_read_start(&c->uv.stream, on_alloc, on_read);
}

void conn_hold(struct conn *c)
{
    c->held = true;
    uv_read_stop(&c->uv.stream);
}

void conn_go_on(struct conn *c)
{
    if (!c->held)
        return;
    c->held = false;
    conn_start_io(c);
    if (c->tls != NULL)
        take_plain(c);
    if (c->fin_seen)
        conn_close(c);
}

/* --- Out ---------------------------------------------------------------------------- */

/* What the socket did not take, on its way with libuv. */
struct rest {
    uv_write_t write;
    struct conn *conn;
    size_t len;
    uint8_t bytes[];
};

size_t conn_rest_bytes(const struct conn *c)
{
    return c->rest != NULL ? c->rest->len : 0;
}

static struct rest *rest_new(struct conn *c, size_t len)
{
    struct rest *r = malloc(sizeof *r + len);
    if (r == NULL) {
        conn_cut(c, REFUSED_MEMORY);
        return NULL;
    }
    r->conn = c;
    r->len = len;
    return r;
}

static bool has_stuck(const struct conn *c)
{
    for (struct ring *r = c->calls.next; r != &c->calls; r = r->next)
        if (call_out_waits(container_of(r, struct http_call, link)))
            return true;
    return c->rest != NULL;
}

static void watch_stuck(struct conn *c)
{
    const uint64_t timeout_ms = c->lane->server->options.write_timeout_ms;
    if (timeout_ms > 0 && !timer_running(&c->stuck_timer) && has_stuck(c))
        timer_start(c->lane->loop, &c->stuck_timer, timeout_ms);
}

uint64_t conn_rest_since_ms(struct conn *c)
{
    const size_t left = uv_stream_get_write_queue_size(&c->uv.stream);
    if (left < c->rest_left) {
        c->rest_left = left;
        c->rest_ms = loop_now_ms(c->lane->loop);
    }
    return c->rest_ms;
}

static void on_rest_written(uv_write_t *write, int status)
{
    struct rest *r = container_of(write, struct rest, write);
    struct conn *c = r->conn;
    free(r);
    c->rest = NULL;
    if (c->state == CONN_CLOSED)
        return;
    if (c->h1 != NULL) /* a ping lies behind the answer there, and may go out only now */
        c->heard_ms = loop_now_ms(c->lane->loop);
    if (status != 0)
        conn_close(c);
    else
        conn_wants_flush(c);
}

static void rest_write(struct rest *r)
{
    struct conn *c = r->conn;
    const uv_buf_t buf = uv_buf_init((char *)r->bytes, (unsigned)r->len);
    c->rest = r;
    c->rest_left = r->len;
    c->rest_ms = loop_now_ms(c->lane->loop);
    watch_stuck(c);
    if (uv_write(&r->write, &c->uv.stream, &buf, 1, on_rest_written) == 0)
        return;
    c->rest = NULL;
    free(r);
    conn_close(c);
}

/* Writes what the socket takes of @bufs at once. Returns how much that is, or -1
 * if the connection broke. */
static ssize_t write_some(struct conn *c, const uv_buf_t *bufs, size_t n, size_t bytes)
{
    const ssize_t taken = uv_try_write(&c->uv.stream, bufs, (unsigned)n);
    if (taken < 0 && taken != UV_EAGAIN) {
        conn_close(c);
        return -1;
    }
    counter_add(&c->lane->stats.bytes_out, bytes);
    return taken == UV_EAGAIN ? 0 : taken;
}

static void write_plain(struct conn *c)
{
    const struct outbox *o = &c->lane->outbox;
    const ssize_t n = write_some(c, o->pieces, o->npieces, o->bytes);
    if (n < 0 || (size_t)n == o->bytes)
        return;
    struct rest *r = rest_new(c, o->bytes - (size_t)n);
    if (r == NULL)
        return;
    outbox_rest(o, (size_t)n, r->bytes);
    rest_write(r);
}

/* What TLS wants to send, with or without something of ours. */
static void write_cipher(struct conn *c)
{
    const struct bytes out = tls_session_output(c->tls);
    if (out.len == 0)
        return;
    const uv_buf_t buf = uv_buf_init((char *)(uintptr_t)out.data, (unsigned)out.len);
    const ssize_t n = write_some(c, &buf, 1, out.len);
    if (n < 0)
        return;
    const size_t left = out.len - (size_t)n;
    struct rest *r = left > 0 ? rest_new(c, left) : NULL;
    if (r != NULL)
        memcpy(r->bytes, out.data + n, left);
    else if (left > 0)
        return;
    tls_session_sent(c->tls, out.len);
    if (r != NULL)
        rest_write(r);
}

static bool encrypt(struct conn *c)
{
    const struct outbox *o = &c->lane->outbox;
    for (size_t i = 0; i < o->npieces; i++)
        if (!tls_session_write(c->tls, bytes_of(o->pieces[i].base, o->pieces[i].len)))
            return false;
    return true;
}

/* Frames, until the outbox is full or there are none. false: it broke. */
static bool collect(struct conn *c)
{
    struct outbox *o = &c->lane->outbox;
    const uint8_t *data;
    ssize_t n = 0;
    if (c->h1 != NULL) {
        h1_collect(c);
        return true;
    }
    c->parsing = true;
    while (outbox_has_room(o) && (n = nghttp2_session_mem_send(c->session, &data)) > 0)
        outbox_copy(o, bytes_of(data, (size_t)n));
    c->parsing = false;
    return n >= 0;
}

static void write_collected(struct conn *c)
{
    struct outbox *o = &c->lane->outbox;
    turn_used(&c->lane->writing, &c->writing, o->bytes, o->bytes >= MANY_BYTES);
    if (c->tls == NULL) {
        if (o->bytes > 0)
            write_plain(c);
    } else if (encrypt(c)) {
        write_cipher(c);
    } else {
        conn_cut(c, REFUSED_MEMORY);
    }
    outbox_clear(o);
}

/* The socket has taken all: handlers are told, and may have more. */
static void tell_sent(struct conn *c)
{
    while (!ring_empty(&c->sent))
        call_out_sent(container_of(c->sent.next, struct http_call, out.link));
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    (void)status;
    free(shutdown);
}

static bool shut_down(struct conn *c)
{
    uv_shutdown_t *shutdown = malloc(sizeof *shutdown);
    if (shutdown != NULL && uv_shutdown(shutdown, &c->uv.stream, on_shut) == 0)
        return true;
    free(shutdown);
    return false;
}

/* Everything is out; nothing more will come from here. */
static void linger(struct conn *c)
{
    conn_move(c, CONN_LINGER);
    if (c->held)
        conn_start_io(c);
    conn_end_session(c); /* of one that was cut, calls may be open */
    if (c->tls != NULL) {
        tls_session_close(c->tls);
        write_cipher(c);
    }
    if (c->state == CONN_LINGER && !shut_down(c))
        conn_close(c);
}

static bool is_done(const struct conn *c)
{
    if (c->h1 != NULL)
        return c->broken || h1_is_done(c);
    if (c->session == NULL)
        return c->broken;
    if (c->broken || (c->state == CONN_LEAVING && c->ncalls == 0 && c->farewell == FAREWELL_SAID))
        return nghttp2_session_want_write(c->session) == 0 || c->broken;
    return nghttp2_session_want_read(c->session) == 0 &&
           nghttp2_session_want_write(c->session) == 0;
}

static bool has_session(const struct conn *c)
{
    return c->session != NULL || c->h1 != NULL;
}

static bool wants_write(const struct conn *c)
{
    if (c->h1 != NULL)
        return h1_wants_write(c);
    return c->session != NULL && nghttp2_session_want_write(c->session);
}

static void flush(struct conn *c)
{
    conn_say_farewell(c);
    if (has_session(c) && !collect(c)) {
        outbox_clear(&c->lane->outbox);
        conn_close(c);
        return;
    }
    write_collected(c);
    if (c->state == CONN_CLOSED)
        return;
    if (c->rest == NULL)
        tell_sent(c);
    watch_stuck(c);
    if (c->rest == NULL && c->h1 != NULL && !c->broken)
        h1_go_on(c);
    if (c->state >= CONN_LINGER)
        return;
    if (c->rest == NULL && is_done(c))
        linger(c);
    else if (c->rest == NULL && wants_write(c))
        conn_wants_flush(c);
}

void conn_on_flush(struct task *task)
{
    struct conn *c = container_of(task, struct conn, flush);
    if (c->state == CONN_CLOSED)
        return;
    end_turn(c);
    if (c->state == CONN_LINGER)
        return;
    if (c->rest == NULL && !turn_may(&c->lane->writing, &c->writing)) {
        conn_wants_flush(c);
    } else if (c->rest == NULL) {
        flush(c);
    } else if (c->broken && has_session(c)) {
        conn_end_session(c); /* and it may never hear why */
        conn_close_soon(c);
    }
    if (c->state != CONN_CLOSED)
        conn_note(c);
}
