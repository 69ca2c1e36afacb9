#include "h2_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "die.h"

#define READ_BYTES        ((size_t)256 << 10)
#define STREAM_WINDOW     (1 << 20) /* of what may come unasked on a call; nghttp2 gives it back */
#define CONNECTION_WINDOW (16 << 20)
#define DETAILS_MAX       1024
#define EXPIRED           "CHANGES_EXPIRED"

/* Of the read that is being handled: there is one thread. */
static uint64_t read_ns;

static void must(int rc, const char *what)
{
    if (rc < 0)
        die("%s: %s", what, nghttp2_strerror(rc));
}

/* --- what comes ------------------------------------------------------------------------- */

static struct h2_call *call_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *arg)
{
    (void)flags, (void)arg;
    struct h2_call *c = call_of(session, stream);
    c->kind->on_data(c, bytes_of(data, len), read_ns);
    return 0;
}

static bool is_named(struct bytes name, const char *text)
{
    return bytes_equal(name, bytes_of_text(text));
}

static int number_of(struct bytes text)
{
    int number = 0;
    for (size_t i = 0; i < text.len && i < 4; i++)
        number = number * 10 + text.data[i] - '0';
    return number;
}

/* The reason stands as a text in the details, which are a message in base64. */
static bool says_expired(struct bytes details)
{
    uint8_t plain[DETAILS_MAX];
    size_t len;
    return details.len <= DETAILS_MAX && base64_decode(plain, details, BASE64_STANDARD, &len) &&
           memmem(plain, len, EXPIRED, strlen(EXPIRED)) != NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)flags, (void)arg;
    struct h2_call *c = call_of(session, frame->hd.stream_id);
    struct bytes key = bytes_of(name, name_len), text = bytes_of(value, value_len);
    if (is_named(key, "grpc-status"))
        c->status = number_of(text);
    else if (is_named(key, "grpc-message"))
        snprintf(c->why, sizeof c->why, "%.*s", (int)value_len, (const char *)value);
    else if (is_named(key, "grpc-status-details-bin"))
        c->expired = says_expired(text);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    (void)arg;
    struct h2_call *c = call_of(session, stream);
    if (c->status == H2_STATUS_NEVER)
        snprintf(c->why, sizeof c->why, "the stream ended: %s", nghttp2_http2_strerror(error));
    c->kind->on_over(c, read_ns);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session, (void)arg;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        die("the server says GOAWAY: %.*s", (int)frame->goaway.opaque_data_len,
            (const char *)frame->goaway.opaque_data);
    return 0;
}

static void link_read(struct h2_link *l)
{
    static uint8_t bytes[READ_BYTES];
    ssize_t n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        die("a connection is gone: %s", n == 0 ? "the server closed it" : strerror(errno));
    read_ns = clock_ns();
    if (n > 0)
        must((int)nghttp2_session_mem_recv(l->session, bytes, (size_t)n), "what came");
}

/* --- what goes -------------------------------------------------------------------------- */

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)session, (void)stream, (void)arg;
    struct h2_call *c = source->ptr;
    size_t n = c->body.len < room ? c->body.len : room;
    memcpy(to, c->body.data, n);
    c->body = bytes_of(c->body.data + n, c->body.len - n);
    if (c->body.len == 0 && (c->kind->more == NULL || !c->kind->more(c)))
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

#define HEADER(key, text)                                                                          \
    {                                                                                              \
        .name = (uint8_t *)(key), .value = (uint8_t *)(text), .namelen = strlen(key),              \
        .valuelen = strlen(text)                                                                   \
    }

void h2_link_call(struct h2_link *l, struct h2_call *c)
{
    const nghttp2_nv headers[] = {
        HEADER(":method", "POST"),
        HEADER(":scheme", "http"),
        HEADER(":path", c->kind->path),
        HEADER(":authority", "localhost"),
        HEADER("content-type", "application/grpc"),
        HEADER("te", "trailers"),
    };
    const nghttp2_data_provider body = { .source.ptr = c, .read_callback = give_body };
    c->status = H2_STATUS_NEVER;
    c->expired = false;
    c->why[0] = '\0';
    must(nghttp2_submit_request(l->session, NULL, headers, sizeof headers / sizeof headers[0],
                                &body, c),
         "a request");
}

static void collect(struct h2_link *l)
{
    static const size_t least = 1 << 15; /* nghttp2 hands out a frame, of 16 KiB and its head */
    const uint8_t *data;
    ssize_t n = 0;
    l->out_len = l->out_done = 0;
    while (l->out_len + least <= sizeof l->out &&
           (n = nghttp2_session_mem_send(l->session, &data)) > 0) {
        memcpy(l->out + l->out_len, data, (size_t)n);
        l->out_len += (size_t)n;
    }
    must((int)n, "what goes");
}

static bool write_some(struct h2_link *l)
{
    ssize_t n =
        send(l->fd, l->out + l->out_done, l->out_len - l->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("a connection is gone: %s", strerror(errno));
    l->out_done += n > 0 ? (size_t)n : 0;
    return l->out_done == l->out_len;
}

static void link_write(struct h2_link *l)
{
    bool taken = true;
    while (taken) {
        if (l->out_done == l->out_len)
            collect(l);
        if (l->out_len == 0)
            return;
        taken = write_some(l);
    }
}

/* --- the connection --------------------------------------------------------------------- */

static int connected(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("127.0.0.1:%u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static nghttp2_session *session_of(struct h2_link *l)
{
    nghttp2_session_callbacks *on;
    nghttp2_session *session;
    must(nghttp2_session_callbacks_new(&on), "nghttp2");
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
    nghttp2_session_callbacks_set_on_header_callback(on, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, on_stream_close);
    must(nghttp2_session_client_new(&session, on, l), "nghttp2");
    nghttp2_session_callbacks_del(on);
    return session;
}

void h2_link_open(struct h2_link *l, uint16_t port)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
    };
    *l = (struct h2_link){ .fd = connected(port) };
    l->session = session_of(l);
    must(nghttp2_submit_settings(l->session, NGHTTP2_FLAG_NONE, settings,
                                 sizeof settings / sizeof settings[0]),
         "settings");
    must(nghttp2_session_set_local_window_size(l->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW),
         "a window");
}

void h2_link_close(struct h2_link *l)
{
    nghttp2_session_del(l->session);
    close(l->fd);
}

short h2_link_wants(const struct h2_link *l)
{
    bool more = l->out_done < l->out_len || nghttp2_session_want_write(l->session);
    return (short)(POLLIN | (more ? POLLOUT : 0));
}

void h2_link_turn(struct h2_link *l, bool readable)
{
    if (readable)
        link_read(l);
    link_write(l);
}
