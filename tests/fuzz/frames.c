/* What a client may say to a server's connection: frames, headers and gRPC's
 * framing, right or wrong. They come over a real socket, in pieces, to an echo
 * service. Whatever came, each call that was opened is closed once when the
 * client is gone, nothing of the connection is left, and what the server said
 * was made of frames.
 *
 * The first byte of an input says what the rest is. An even one: bytes as the
 * client sends them. An odd one: small commands, which get further, for they make
 * whole frames, and let happen what else may happen to a connection meanwhile. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/deflate.h"
#include "base/log.h"
#include "fuzz.h"
#include "lib/call_world.h"
#include "lib/frames.h"
#include "lib/heap.h"
#include "lib/loop_until.h"
#include "weir/http/http_call.h"
#include "weir/http/lane.h"

#define TURNS      4    /* of the loop: enough to answer what came in one piece */
#define FAR_OFF_MS 5000 /* no timer fires before pass_time() says so */

static struct loop *g_loop;
static struct server *g_server;
static int g_fd;
static struct frames g_out, g_in; /* to the server, and from it */

/* --- An interceptor that holds what it is told to ----------------------------------- */

#define HOLDS_MAX 16

/* The interceptor's state of one call. */
struct hold {
    struct stream *stream;
    bool held[INTERCEPT_NR]; /* the stages that wait for go_on() */
};

static struct hold *g_holds[HOLDS_MAX]; /* those of the last calls; NULL: it is over */
static unsigned g_held_stages;          /* a bit for each stage that is held from now on */
static int g_entered, g_left;           /* how many calls came to the interceptor, and left it */

static enum intercept at(const struct intercepted *i, enum intercept_stage stage)
{
    struct hold *h = i->state;
    h->held[stage] = (g_held_stages & 1u << stage) != 0;
    return h->held[stage] ? INTERCEPT_LATER : INTERCEPT_PASS;
}

static enum intercept at_call(const struct intercepted *i, struct status *why)
{
    struct hold *h = i->state;
    (void)why;
    h->stream = i->stream;
    g_holds[g_entered++ % HOLDS_MAX] = h;
    return at(i, INTERCEPT_CALL);
}

static enum intercept at_in(const struct intercepted *i, struct bytes message, struct status *why)
{
    (void)message;
    (void)why;
    return at(i, INTERCEPT_IN);
}

static enum intercept at_out(const struct intercepted *i, struct bytes message, struct status *why)
{
    (void)message;
    (void)why;
    return at(i, INTERCEPT_OUT);
}

static enum intercept at_finish(const struct intercepted *i, struct status *status)
{
    (void)status;
    return at(i, INTERCEPT_FINISH);
}

static void at_close(const struct intercepted *i, const struct status *status)
{
    (void)status;
    g_left++;
    for (int n = 0; n < HOLDS_MAX; n++)
        if (g_holds[n] == i->state)
            g_holds[n] = NULL;
}

static const struct interceptor holder = {
    .name = "holder",
    .state_bytes = sizeof(struct hold),
    .on_call = at_call,
    .on_message_in = at_in,
    .on_message_out = at_out,
    .on_finish = at_finish,
    .on_close = at_close,
};

/* Lets one stage of one call go on, or rejects the call there. */
static void go_on(uint8_t which)
{
    const struct status no = status_of(STATUS_PERMISSION_DENIED, "no");
    const enum intercept_stage stage = which % INTERCEPT_NR;
    struct hold *h = g_holds[which / INTERCEPT_NR % HOLDS_MAX];
    if (h == NULL || !h->held[stage])
        return;
    h->held[stage] = false;
    interceptor_resume(h->stream, stage, which & 128 ? INTERCEPT_REJECT : INTERCEPT_PASS, &no);
}

/* --- The server --------------------------------------------------------------------- */

static struct lane *lane(void)
{
    return &http_server_of(g_server)->lanes[0];
}

/* The lane makes what it packs with when that is first needed, and keeps it: it is
 * made here, so that no input seems to leave it behind. */
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

/* One server is there for all inputs. */
static void open_server(void)
{
    static struct chain chain;
    const struct server_options options = { .max_request_bytes = 16 * 1024,
                                            .compress = true,
                                            .chain = &chain,
                                            .write_timeout_ms = FAR_OFF_MS,
                                            .connections = { .keepalive_time_ms = FAR_OFF_MS,
                                                             .keepalive_without_stream = true,
                                                             .keepalive_min_time_ms = FAR_OFF_MS,
                                                             .max_idle_ms = FAR_OFF_MS,
                                                             .max_age_ms = FAR_OFF_MS,
                                                             .max_age_grace_ms = FAR_OFF_MS,
                                                             .max_streams = 20,
                                                             .memory_bytes = 1 << 20 } };
    if (g_server != NULL)
        return;
    setenv("CALL_TRANSPORT", "http", 1);
    signal(SIGPIPE, SIG_IGN);
    log_init("fuzz", LOG_ERROR, LOG_TEXT);
    chain_add(&chain, &holder, NULL);
    cr_assert_eq(loop_new(&g_loop, LOOP_IN_UV), 0);
    cr_assert_eq(server_of(&g_server, &g_loop, 1, echo_methods, ECHO_NMETHODS, &options), 0);
    warm_up();
}

/* Connects, as if the listener had accepted. The server's socket takes little, so a
 * client that does not read is soon felt. */
static void meet(void)
{
    const int little = 4096;
    int fds[2];
    g_echo = (struct echo_seen){ 0 };
    g_entered = g_left = 0;
    g_held_stages = 0;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    g_fd = fds[1];
    atomic_fetch_add(&http_server_of(g_server)->nconns, 1);
    conn_open(lane(), fds[0], false);
}

/* Sends what was put together. What the socket does not take is dropped: the server
 * may have closed. */
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

/* Until the server has nothing more to say. */
static void hear_all(void)
{
    size_t before;
    do {
        before = g_in.len;
        loop_turns(g_loop, TURNS);
        hear();
    } while (g_in.len > before);
}

/* What the server said are whole frames, of types and on streams that are its to use. */
static void check_heard(void)
{
    struct bytes rest = frames_bytes(&g_in);
    struct frame f;
    while (frame_next(&rest, &f)) {
        cr_assert_leq(f.payload.len, MAX_FRAME_BYTES);
        cr_assert_leq(f.type, NGHTTP2_WINDOW_UPDATE);
        cr_assert(f.id % 2 == 1 || f.id == 0);
        cr_assert((f.type == NGHTTP2_DATA || f.type == NGHTTP2_HEADERS) == (f.id != 0) ||
                  f.type == NGHTTP2_RST_STREAM || f.type == NGHTTP2_WINDOW_UPDATE);
    }
    cr_assert_leq(rest.len, MAX_FRAME_BYTES + FRAME_HEAD_BYTES); /* one that was cut */
    g_in.len = 0;
}

/* Closes, after which nothing may be left. */
static void part(void)
{
    close(g_fd);
    LOOP_UNTIL(g_loop, ring_empty(&lane()->conns));
    spares_clear(&lane()->spare_calls);
    cr_assert_eq(g_echo.opened, g_echo.closed);
    cr_assert_eq(g_entered, g_left);
    cr_assert_eq(atomic_load(&http_server_of(g_server)->nconns), 0);
    cr_assert_eq(lane()->pressure.held, 0);
}

/* --- Bytes as they come ------------------------------------------------------------- */

/* The first one says how large the pieces are; 0: all the rest is one piece. */
static void speak_bytes(struct bytes in)
{
    const size_t piece = (size_t)fuzz_byte(&in) * 4;
    while (in.len > 0) {
        frames_add(&g_out, fuzz_bytes(&in, piece > 0 ? piece : in.len));
        speak();
        hear();
    }
}

/* --- Commands ----------------------------------------------------------------------- */

static const char *large_text(void)
{
    static char text[8000];
    memset(text, 'x', sizeof text - 1);
    return text;
}

/* One byte says which method, or one that is not there, and which headers more. */
static void put_request(struct bytes *in)
{
    const char *large = large_text();
    const char *const more[8][9] = {
        { NULL },
        { "grpc-timeout", "1S" },
        { "grpc-timeout", "0n" },
        { "grpc-encoding", "gzip", "grpc-accept-encoding", "deflate" },
        { "grpc-encoding", "none of them" },
        { "a-bin", "AAAA,!", "a-bin", "" },
        { "te", "nothing", "content-type", "text/plain" },
        { "a", large, "b", large, "c", large, "d", large },
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

static void put_window(struct bytes *in)
{
    const uint8_t id = fuzz_byte(in), more = fuzz_byte(in);
    frames_window(&g_out, id, (uint32_t)more << fuzz_byte(in) % 24);
}

/* The only connection. NULL: there is none, or it is closed already. */
static struct conn *conn(void)
{
    struct ring *conns = &lane()->conns;
    struct conn *c = ring_empty(conns) ? NULL : container_of(conns->next, struct conn, link);
    return c != NULL && c->state < CONN_CLOSED ? c : NULL;
}

static void cut_calls(struct conn *c)
{
    const struct status why = status_of(STATUS_DEADLINE_EXCEEDED, "too late");
    for (struct ring *r = c->calls.next, *next; r != &c->calls; r = next) {
        next = r->next;
        struct http_call *call = container_of(r, struct http_call, link);
        if (call->life != LIFE_HEADERS)
            http_call_cut(call, &why);
    }
}

/* What the server may do by itself. */
static void disturb(uint8_t how)
{
    struct conn *c = conn();
    if (c == NULL)
        return;
    switch (how % 4) {
    case 0:
        if (g_echo.open != NULL)
            stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
        break;
    case 1:
        conn_leave(c);
        break;
    case 2:
        cut_calls(c);
        break;
    default:
        conn_calm_down(c, REFUSED_FLOOD, "enough");
        break;
    }
}

/* It looks as if nothing had happened for long, and one of the timers, if it runs, is
 * due at once. */
static void pass_time(uint8_t which)
{
    struct conn *c = conn();
    if (c == NULL)
        return;
    struct timer *const timers[] = { &c->phase_timer, &c->keepalive_timer, &c->idle_timer,
                                     &c->age_timer, &c->stuck_timer };
    struct timer *timer = timers[which % 5];
    c->heard_ms = c->idle_ms = 0;
    for (struct ring *r = c->calls.next; r != &c->calls; r = r->next)
        container_of(r, struct http_call, link)->out.progress_ms = 0;
    if (timer_running(timer))
        timer_start(g_loop, timer, 0);
}

/* What the first byte of a command stands for, modulo COMMANDS. Those below
 * DO_REQUEST are types of frames, with one that nobody knows. */
enum {
    DO_REQUEST = 11,
    DO_MESSAGE,
    DO_WINDOW,
    DO_SPEAK,
    DO_DISTURB,
    DO_HOLD,
    DO_GO_ON,
    DO_PASS_TIME,
    DO_HEAR,
    COMMANDS
};

static void command(struct bytes *in)
{
    const uint8_t what = fuzz_byte(in) % COMMANDS;
    switch (what) {
    case DO_REQUEST:
        put_request(in);
        break;
    case DO_MESSAGE:
        put_message(in);
        break;
    case DO_WINDOW:
        put_window(in);
        break;
    case DO_SPEAK:
        speak();
        break;
    case DO_DISTURB:
        disturb(fuzz_byte(in));
        break;
    case DO_HOLD:
        g_held_stages = fuzz_byte(in);
        break;
    case DO_GO_ON:
        go_on(fuzz_byte(in));
        break;
    case DO_PASS_TIME:
        pass_time(fuzz_byte(in));
        break;
    case DO_HEAR:
        hear();
        break;
    default:
        put_frame(in, what);
        break;
    }
}

static void obey(struct bytes in)
{
    frames_hello(&g_out);
    while (in.len > 0)
        command(&in);
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
    hear_all();
    check_heard();
    part();
    cr_assert_eq(heap_live(), 0);
    return 0;
}
