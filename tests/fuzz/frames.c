/* What a client may say to a server's connection: frames, headers and gRPC's
 * framing, right or wrong. They come over a real socket, in pieces, to an echo
 * service. Whatever came, each call that was opened is closed once when the
 * client is gone, nothing of the connection is left, and what the server said
 * were frames.
 *
 * The first byte of an input says what the rest is: bytes as they come, or small
 * commands that make whole frames, which gets further. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/call_world.h"
#include "lib/frames.h"
#include "lib/heap.h"
#include "lib/loop_until.h"
#include "runtime/container.h"
#include "runtime/deflate.h"
#include "runtime/http/http_call.h"
#include "runtime/http/http_server.h"
#include "runtime/log.h"

#define MAX_FRAME 16384
#define TURNS     4 /* for what came in one piece to be answered */

static struct loop *g_loop;
static struct server *g_server;
static int g_fd;
static struct frames g_out, g_in; /* to the server, and from it */

/* --- The server --------------------------------------------------------------------------- */

static struct lane *lane(void)
{
    return &http_server_of(g_server)->lanes[0];
}

/* The lane keeps what it packs with once it was needed. */
static void warm_up(void)
{
    static const char text[512];
    struct buf *packed;
    for (int gzip = 0; gzip < 2; gzip++) {
        cr_assert_eq(deflate_message(lane()->deflater, bytes_of(text, sizeof text), gzip, &packed),
                     DEFLATE_OK);
        buf_unref(packed);
    }
}

static void open_server(void)
{
    const struct server_options options = { .max_request_bytes = 16 * 1024, .compress = true };
    if (g_server != NULL)
        return;
    setenv("CALL_TRANSPORT", "http", 1);
    signal(SIGPIPE, SIG_IGN);
    log_init("fuzz", LOG_ERROR, LOG_TEXT);
    cr_assert_eq(loop_new(&g_loop, LOOP_IN_UV), 0);
    cr_assert_eq(server_of(&g_server, &g_loop, 1, echo_methods, ECHO_NMETHODS, &options), 0);
    warm_up();
}

static void meet(void)
{
    int fds[2];
    g_echo = (struct echo_seen){ 0 };
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    g_fd = fds[1];
    atomic_fetch_add(&http_server_of(g_server)->nconns, 1);
    conn_open(lane(), fds[0], false);
}

/* The server may have closed. */
static void speak(void)
{
    size_t said = 0;
    while (said < g_out.len) {
        const ssize_t n = write(g_fd, g_out.data + said, g_out.len - said);
        said += n > 0 ? (size_t)n : g_out.len;
    }
    g_out.len = 0;
    loop_turns(g_loop, TURNS);
}

static void hear(void)
{
    uint8_t block[8192];
    ssize_t n;
    while ((n = read(g_fd, block, sizeof block)) > 0)
        frames_add(&g_in, bytes_of(block, (size_t)n));
}

static void check_heard(void)
{
    struct bytes rest = frames_bytes(&g_in);
    struct frame f;
    while (frame_next(&rest, &f)) {
        cr_assert_leq(f.payload.len, MAX_FRAME);
        cr_assert_leq(f.type, NGHTTP2_WINDOW_UPDATE);
        cr_assert(f.id % 2 == 1 || f.id == 0);
        cr_assert((f.type == NGHTTP2_DATA || f.type == NGHTTP2_HEADERS) == (f.id != 0) ||
                  f.type == NGHTTP2_RST_STREAM || f.type == NGHTTP2_WINDOW_UPDATE);
    }
    cr_assert_leq(rest.len, MAX_FRAME + FRAME_HEAD_BYTES); /* one that was cut */
    g_in.len = 0;
}

static void part(void)
{
    close(g_fd);
    LOOP_UNTIL(g_loop, ring_empty(&lane()->conns));
    spares_clear(&lane()->spare_calls);
    cr_assert_eq(g_echo.opened, g_echo.closed);
}

/* --- Bytes as they come -------------------------------------------------------------------- */

static void speak_bytes(struct bytes in)
{
    const size_t piece = (size_t)fuzz_byte(&in) * 4;
    while (in.len > 0) {
        frames_add(&g_out, fuzz_bytes(&in, piece > 0 ? piece : in.len));
        speak();
        hear();
    }
}

/* --- Commands ------------------------------------------------------------------------------- */

static void put_request(struct bytes *in)
{
    static const char *const more[][5] = {
        { NULL },
        { "grpc-timeout", "1S" },
        { "grpc-timeout", "0n" },
        { "grpc-encoding", "gzip", "grpc-accept-encoding", "deflate" },
        { "grpc-encoding", "none of them" },
        { "a-bin", "AAAA,!", "a-bin", "" },
        { "te", "nothing", "content-type", "text/plain" },
        { "connection", "close" },
    };
    const uint8_t id = fuzz_byte(in), which = fuzz_byte(in);
    const size_t method = which % (ECHO_NMETHODS + 1);
    const char *path = method < ECHO_NMETHODS ? echo_methods[method].path : "/test.Echo/None";
    frames_request(&g_out, id, path, more[which >> 5]);
}

static void put_message(struct bytes *in)
{
    const uint8_t id = fuzz_byte(in), flags = fuzz_byte(in);
    frames_message(&g_out, id, fuzz_bytes(in, fuzz_byte(in)), flags);
}

static void put_frame(struct bytes *in, uint8_t type)
{
    const uint8_t flags = fuzz_byte(in), id = fuzz_byte(in);
    frames_frame(&g_out, type, flags, id, fuzz_bytes(in, fuzz_byte(in)));
}

static void cut_calls(struct conn *c)
{
    const struct status why = status_of(STATUS_DEADLINE_EXCEEDED, "too late");
    for (struct ring *r = c->calls.next, *next; r != &c->calls; r = next) {
        next = r->next;
        http_call_cut(container_of(r, struct http_call, link), &why);
    }
}

/* What the server may do by itself meanwhile. */
static void disturb(uint8_t how)
{
    if (ring_empty(&lane()->conns))
        return;
    struct conn *c = container_of(lane()->conns.next, struct conn, link);
    if (c->state != CONN_OPEN && c->state != CONN_LEAVING)
        return;
    if (how % 4 == 0 && g_echo.open != NULL)
        stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
    else if (how % 4 == 1)
        conn_leave(c);
    else if (how % 4 == 2)
        cut_calls(c);
    else
        conn_calm_down(c, REFUSED_FLOOD, "enough");
}

static void command(struct bytes *in)
{
    const uint8_t what = fuzz_byte(in) % 16;
    if (what <= 10)
        put_frame(in, what);
    else if (what == 11)
        put_request(in);
    else if (what == 12)
        put_message(in);
    else if (what == 13)
        frames_window(&g_out, fuzz_byte(in), (uint32_t)fuzz_byte(in) << fuzz_byte(in) % 24);
    else if (what == 14)
        speak();
    else
        disturb(fuzz_byte(in));
}

static void obey(struct bytes in)
{
    frames_hello(&g_out);
    while (in.len > 0) {
        command(&in);
        if (in.len % 8 == 0) /* not always: it may be one that seldom reads */
            hear();
    }
    speak();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    open_server();
    heap_watch();
    meet();
    if (fuzz_byte(&in) % 2 == 0)
        speak_bytes(in);
    else
        obey(in);
    hear();
    check_heard();
    part();
    cr_assert_eq(heap_live(), 0);
    return 0;
}
