/* What a call asks of the connection that carries it: HTTP/2 (h2_stream.c), HTTP/1.1
 * (h1_answer.c) or a WebSocket (ws_session.c). A table of functions; a connection has one from its
 * first bytes on.
 *
 *   call ──▶ session   respond, resume, trailers, reset, consume, widen
 *   session ──▶ call   http_call_begin(), call_in_data(), call_in_end(), http_call_over();
 *                      and to send: call_out_ready(), call_out_ends(), call_out_put() */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_call;

/* What is spoken on it. */
enum session_carries {
    CARRIES_WEB,        /* other protocols only: there are no trailers */
    CARRIES_GRPC,       /* gRPC, where a request says so, and others */
    CARRIES_GRPC_ALONE, /* whatever a request says; messages may be in another code */
};

struct session_ops {
    enum session_carries carries;
    const char *protocol; /* what gRPC is called on it, for metrics and logs */

    /** The head of the answer; @nv begins with ":status". @body: something follows, and the
     * session asks for it; otherwise the answer ends with its head. false: out of memory. */
    bool (*respond)(struct http_call *c, const nghttp2_nv *nv, size_t n, bool body);

    /** There is something to send again, after the session was told that there was nothing. */
    void (*resume)(struct http_call *c);

    /** The last headers, behind the body. false: out of memory. */
    bool (*trailers)(struct http_call *c, const nghttp2_nv *nv, size_t n);

    /** Ends the answer where it is. @code is one of HTTP/2's. */
    bool (*reset)(struct http_call *c, uint32_t code);

    /** So many bytes of the request are no longer kept: the client may send as many. */
    void (*consume)(struct http_call *c, size_t bytes);

    /** The client may have so much under way. */
    void (*widen)(struct http_call *c, uint32_t window);

    /** The answer went out whole. */
    void (*ended)(struct http_call *c);

    /** The call is gone, and whatever is still to come of its request is nobody's. */
    void (*forget)(struct http_call *c);
};

extern const struct session_ops h2_session;

/** nghttp2's send_data callback. */
int h2_write_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                  nghttp2_data_source *source, void *conn);

/** The call of a stream; NULL: there is none, or none any more. */
static inline struct http_call *http_call_at(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

#endif
