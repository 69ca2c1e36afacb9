/* A call on HTTP/2: what it asks of nghttp2, and nghttp2 of it. */
#include <assert.h>

#include "http_call.h"
#include "lane.h"

/* nghttp2 refuses only without memory, and for a stream that is gone. */
static bool had_memory(int rv)
{
    return rv != NGHTTP2_ERR_NOMEM;
}

/* --- What goes out ------------------------------------------------------------------ */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
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
    const size_t ready = call_out_ready(c);
    const bool ends = call_out_ends(c) && ready <= room;
    if (ready == 0 && !ends) {
        call_out_wait(c);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (ready > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (ends) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (c->dialect == NULL)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (!call_out_end(c))
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)(ready < room ? ready : room);
}

/* The middle of a message in less than this is what a window makes that is opened
 * byte by byte. */
#define TINY_FRAME_BYTES 256

int h2_write_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                  nghttp2_data_source *source, void *arg)
{
    struct conn *conn = arg;
    struct outbox *o = &conn->lane->outbox;
    struct http_call *c = http_call_at(session, frame->hd.stream_id);
    (void)source;
    assert(c != NULL);
    outbox_copy(o, bytes_of(head, 9));
    call_out_take(c, o, len);
    conn_sent_data(conn, len >= TINY_FRAME_BYTES || c->out.owed > 0);
    return outbox_has_room(o) ? 0 : NGHTTP2_ERR_PAUSE;
}

/* --- What it asks ------------------------------------------------------------------- */

static bool respond(struct http_call *c, const nghttp2_nv *nv, size_t n, bool body)
{
    static const nghttp2_data_provider messages = { .read_callback = read_body };
    return had_memory(
        nghttp2_submit_response(c->conn->session, c->id, nv, n, body ? &messages : NULL));
}

static void resume(struct http_call *c)
{
    nghttp2_session_resume_data(c->conn->session, c->id);
}

static bool trailers(struct http_call *c, const nghttp2_nv *nv, size_t n)
{
    return had_memory(nghttp2_submit_trailer(c->conn->session, c->id, nv, n));
}

static bool reset(struct http_call *c, uint32_t code)
{
    return had_memory(nghttp2_submit_rst_stream(c->conn->session, NGHTTP2_FLAG_NONE, c->id, code));
}

static void consume(struct http_call *c, size_t bytes)
{
    if (c->conn->session != NULL)
        nghttp2_session_consume_stream(c->conn->session, c->id, bytes);
}

static void widen(struct http_call *c, uint32_t window)
{
    nghttp2_session_set_local_window_size(c->conn->session, NGHTTP2_FLAG_NONE, c->id,
                                          (int32_t)window);
}

/* Clients of gRPC know that a reset may follow an answer; curl 7.88 forgets the answer if both come
 * at once. So whoever speaks something else may finish what it sends. */
#define LINGER_MS 1000

/* A client that still sends is told to stop: it has its answer (RFC 9113, 8.1). */
static void ended(struct http_call *c)
{
    if (nghttp2_session_get_stream_remote_close(c->conn->session, c->id) != 0)
        return;
    if (c->protocol == NULL)
        reset(c, NGHTTP2_NO_ERROR);
    else
        http_call_linger(c, LINGER_MS);
}

static void forget(struct http_call *c)
{
    nghttp2_session_set_stream_user_data(c->conn->session, c->id, NULL);
}

const struct session_ops h2_session = {
    .protocol = "grpc",
    .carries = CARRIES_GRPC,
    .respond = respond,
    .resume = resume,
    .trailers = trailers,
    .reset = reset,
    .consume = consume,
    .widen = widen,
    .ended = ended,
    .forget = forget,
};
