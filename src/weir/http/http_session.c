/* nghttp2's callbacks: frames to calls. */
#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "http_call.h"
#include "http_session_heap.h"
#include "lane.h"

/* What a client may send on a stream that its handler does not read. */
#define STREAM_WINDOW_BYTES BDP_WINDOW_MIN

/* Of a connection: it is given back at once, for what is not read yet is counted
 * by its streams. */
#define CONNECTION_WINDOW_BYTES (2 * BDP_WINDOW_MAX)

/* A request's headers, counted as RFC 9113 (6.5.2) counts them. */
#define HEADER_LIST_BYTES (16 * 1024)

/* A longer list is answered with 431, but it has to be read all the same, for the
 * table that both ends keep. One this long is no mistake: it may be a few bytes
 * that say the same header a million times, and the connection is cut there. */
#define HEADER_LIST_CUT_BYTES (8 * HEADER_LIST_BYTES)

/* Bytes beyond the limit that cost a token. */
#define HEADER_BYTES_A_TOKEN 1024

/* --- Headers ------------------------------------------------------------------------ */

static void count_refused(struct conn *c, enum refusal why)
{
    counter_add(&c->lane->stats.refused[why], 1);
}

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    if (!is_request(frame))
        return 0;
    struct http_call *c =
        lane_is_full(conn->lane) ? NULL : http_call_new(conn, frame->hd.stream_id);
    if (c == NULL) { /* nobody looked at it: the client may try again */
        count_refused(conn, REFUSED_MEMORY);
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, c);
    return 0;
}

/* false: the connection is being cut, and nothing more of it is looked at. */
static bool count_header(struct conn *conn, struct http_call *c, size_t bytes)
{
    struct received_headers *h = &c->in.headers;
    h->bytes += (uint32_t)bytes;
    conn_charge(conn, (uint32_t)(1 + bytes / HEADER_BYTES_A_TOKEN));
    if (h->bytes > HEADER_LIST_CUT_BYTES)
        conn_calm_down(conn, REFUSED_HEADERS_TOO_LARGE, "too many headers");
    return !conn->broken;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct conn *conn = arg;
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    (void)flags;
    if (c == NULL || !is_request(frame)) { /* trailers of a client say nothing */
        conn_charge(conn, 1);
        return conn->broken ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    }
    if (c->in.headers.bytes > HEADER_LIST_BYTES) {
        const size_t bytes = rcbuf_bytes(name).len + rcbuf_bytes(value).len + HEADER_OVERHEAD;
        return count_header(conn, c, bytes) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (!received_headers_add(&c->in.headers, name, value)) {
        count_refused(conn, REFUSED_MEMORY);
        call_out_reset(c, NGHTTP2_REFUSED_STREAM);
    }
    return 0;
}

static void headers_complete(struct conn *conn, struct http_call *c, bool ended)
{
    if (call_out_is_over(c))
        return; /* there was no memory for them */
    if (c->in.headers.bytes <= HEADER_LIST_BYTES) {
        http_call_begin(c, ended);
        return;
    }
    count_refused(conn, REFUSED_HEADERS_TOO_LARGE);
    call_refuse(c, 431);
}

/* --- Frames ------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    struct conn *conn = arg;
    (void)session;
    conn_count_frame(conn, hd);
    return conn->broken ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void on_end_stream(struct conn *conn, nghttp2_session *session, const nghttp2_frame *frame)
{
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    (void)conn;
    if (c != NULL)
        call_in_end(c);
}

static void on_headers(struct conn *conn, nghttp2_session *session, const nghttp2_frame *frame)
{
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    if (c == NULL)
        return;
    if (is_request(frame))
        headers_complete(conn, c, ended);
    else if (ended)
        call_in_end(c);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        conn_heard_hello(conn);
        break;
    case NGHTTP2_HEADERS:
        on_headers(conn, session, frame);
        break;
    case NGHTTP2_DATA:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            on_end_stream(conn, session, frame);
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            conn_ponged(conn, (enum ping_kind)frame->ping.opaque_data[0]);
        else
            conn_pinged(conn);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *arg)
{
    struct conn *conn = arg;
    struct http_call *c = http_call_at(session, id);
    (void)flags;
    if (conn->borrower != NULL)
        call_in_settle(conn->borrower);
    nghttp2_session_consume_connection(session, len);
    if (bdp_count(&conn->bdp, len))
        conn_ping(conn, PING_BDP);
    if (c != NULL)
        call_in_data(c, bytes_of(data, len));
    return 0;
}

/* A client that speaks badly hears of it from nghttp2, which asks nobody: its
 * GOAWAY or RST_STREAM is what tells us. Our own have other codes, or are sent
 * when the connection is broken. */
static void note_goaway(struct conn *conn, uint32_t error_code)
{
    if (conn->broken || error_code == NGHTTP2_NO_ERROR)
        return;
    const bool flood =
        error_code == NGHTTP2_INTERNAL_ERROR || error_code == NGHTTP2_ENHANCE_YOUR_CALM;
    count_refused(conn, flood ? REFUSED_FLOOD : REFUSED_PROTOCOL_ERROR);
}

static void note_reset(struct conn *conn, uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_STREAM_CLOSED:
        count_refused(conn, REFUSED_PROTOCOL_ERROR);
        break;
    default:
        break;
    }
}

/* An answer of gRPC ends with headers, another one with its body. */
static void note_end(nghttp2_session *session, const nghttp2_frame *frame)
{
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return;
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    if (c != NULL)
        call_out_ended(c);
}

static void on_headers_sent(struct conn *conn, nghttp2_session *session, const nghttp2_frame *frame)
{
    conn_sent_data(conn, true);
    note_end(session, frame);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers_sent(arg, session, frame);
        break;
    case NGHTTP2_DATA:
        note_end(session, frame);
        break;
    case NGHTTP2_RST_STREAM:
        note_reset(arg, frame->rst_stream.error_code);
        break;
    case NGHTTP2_GOAWAY:
        note_goaway(arg, frame->goaway.error_code);
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *arg)
{
    struct http_call *c = http_call_at(session, id);
    (void)error_code;
    (void)arg;
    if (c != NULL)
        http_call_over(c);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *arg)
{
    struct conn *conn = arg;
    (void)session;
    log_debug("%s: a frame of type %u that is not allowed: %s", conn->peer, frame->hd.type,
              nghttp2_strerror(error));
    if (error == NGHTTP2_ERR_REFUSED_STREAM)
        count_refused(conn, REFUSED_TOO_MANY_STREAMS);
    conn_charge(conn, 10);
    return 0;
}

/* Of a type that nobody knows. Without this nghttp2 would not tell of its head, and
 * it could not be counted. */
static int on_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd,
                            void *arg)
{
    (void)session;
    (void)payload;
    (void)hd;
    (void)arg;
    return NGHTTP2_ERR_CANCEL;
}

static void count_unknown_frames(nghttp2_option *option)
{
    for (unsigned type = NGHTTP2_ALTSVC; type <= UINT8_MAX; type++)
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
}

/* --- Life --------------------------------------------------------------------------- */

static void set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(cb, on_unknown_frame);
    nghttp2_session_callbacks_set_send_data_callback(cb, h2_write_body);
}

bool lane_open_sessions(struct lane *lane)
{
    if (nghttp2_session_callbacks_new(&lane->callbacks) != 0)
        return false;
    set_callbacks(lane->callbacks);
    if (nghttp2_option_new(&lane->option) != 0)
        return false;
    nghttp2_option_set_no_auto_window_update(lane->option, 1);
    nghttp2_option_set_no_closed_streams(lane->option, 1); /* only priorities want them */
    count_unknown_frames(lane->option);
    /* Ours comes first, and says ENHANCE_YOUR_CALM (floods). */
    nghttp2_option_set_stream_reset_rate_limit(lane->option, 1 << 20, 1 << 20);
    /* RFC 9113 (8.2.1) forbids blanks around a value; gRPC's own clients send them. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(lane->option, 1);
    return true;
}

void lane_close_sessions(struct lane *lane)
{
    nghttp2_session_callbacks_del(lane->callbacks);
    nghttp2_option_del(lane->option);
}

static int submit_settings(struct conn *c)
{
    const int64_t max_streams = c->lane->server->options.connections.max_streams;
    /* nghttp2 has a limit of 100 where none is said. */
    const nghttp2_settings_entry entries[] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_BYTES },
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
          max_streams > 0 ? (uint32_t)max_streams : INT32_MAX },
    };
    const int rv = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, entries,
                                           sizeof entries / sizeof entries[0]);
    if (rv != 0)
        return rv;
    return nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW_BYTES);
}

bool conn_open_session(struct conn *c)
{
    const struct lane *lane = c->lane;
    nghttp2_mem heap = session_heap(&c->held_bytes);
    if (nghttp2_session_server_new3(&c->session, lane->callbacks, c, lane->option, &heap) != 0)
        return false;
    c->ops = &h2_session;
    return submit_settings(c) == 0;
}

bool conn_parse(struct conn *c, struct bytes bytes)
{
    c->parsing = true;
    const ssize_t n = nghttp2_session_mem_recv(c->session, bytes.data, bytes.len);
    if (c->borrower != NULL)
        call_in_settle(c->borrower);
    c->parsing = false;
    if (n >= 0)
        return true;
    log_debug("%s: %s", c->peer, nghttp2_strerror((int)n));
    if (n == NGHTTP2_ERR_NOMEM)
        conn_break(c, REFUSED_MEMORY);
    else if (n != NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        conn_calm_down(c, REFUSED_FLOOD, nghttp2_strerror((int)n));
    return false;
}
