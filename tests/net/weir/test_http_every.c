/* Every moment of a call on our own wire (lib/every_moment.h).
 *
 * The moments are those at which something else may happen to a server's call:
 *
 *   ROUND    libuv has waited, and nobody has heard yet of what came
 *   HANDLER  a callback of the server's handler is about to return
 *   SOCKET   the server is about to read from the connection, or to write to it
 *
 * So this file puts itself before the system's calls that libuv waits, reads and
 * writes with; and before those that make a connection, to know what to break. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/every_moment.h"
#include "lib/leaks.h"
#include "lib/tls_world.h"
#include "weir/http/http_call.h"
#include "weir/http/lane.h"
#include "weir/tls.h"

enum source { ROUND = 1, HANDLER = 2, SOCKET = 4 };

static struct tls_client *g_tls;

/* The methods; where there is more to try, those that differ most. */
#define FEW (BIT(0) | BIT(3) | BIT(ECHO_RUNS))
static unsigned g_few = BIT(ECHO_NMETHODS) - 1;
static pthread_t g_thread;

/* --- The system's calls ------------------------------------------------------------- */

#define REAL(name, ...)                                                                            \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

static bool is_ours(int epfd)
{
    return moment_is_due() && pthread_equal(pthread_self(), g_thread) &&
           epfd == uv_backend_fd(loop_uv(g_every.world.loop));
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
    REAL(epoll_wait)
    const int n = real(epfd, events, max, timeout);
    if (is_ours(epfd))
        moment(ROUND);
    return n;
}

int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *set)
{
    REAL(epoll_pwait)
    const int n = real(epfd, events, max, timeout, set);
    if (is_ours(epfd))
        moment(ROUND);
    return n;
}

static void touch(int fd)
{
    if (moment_is_due() && fd == g_every.server_fd && pthread_equal(pthread_self(), g_thread))
        moment(SOCKET);
}

ssize_t read(int fd, void *to, size_t room)
{
    REAL(read)
    touch(fd);
    return real(fd, to, room);
}

ssize_t write(int fd, const void *data, size_t len)
{
    REAL(write)
    touch(fd);
    return real(fd, data, len);
}

ssize_t writev(int fd, const struct iovec *pieces, int n)
{
    REAL(writev)
    touch(fd);
    return real(fd, pieces, n);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    REAL(connect)
    g_every.client_fd = fd;
    return real(fd, address, len);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    REAL(accept4)
    const int accepted = real(fd, address, len, flags);
    if (accepted >= 0)
        g_every.server_fd = accepted;
    return accepted;
}

/* --- The service: the echo one, with a moment at the end of each callback ----------- */

static const struct stream_handler *inner(const struct stream *s)
{
    return s->method->data;
}

static void at_open(struct stream *s)
{
    inner(s)->on_open(s);
    moment(HANDLER);
}

static void at_message(struct stream *s, const ProtobufCMessage *m, struct bytes bytes)
{
    inner(s)->on_message(s, m, bytes);
    moment(HANDLER);
}

static void at_sent(struct stream *s)
{
    inner(s)->on_sent(s);
    moment(HANDLER);
}

static void at_end(struct stream *s)
{
    inner(s)->on_end(s);
    moment(HANDLER);
}

static void at_close(struct stream *s, const struct status *status)
{
    inner(s)->on_close(s, status);
    moment(HANDLER);
}

static const struct stream_handler handler = {
    .on_open = at_open,
    .on_message = at_message,
    .on_sent = at_sent,
    .on_end = at_end,
    .on_close = at_close,
};

static struct method g_methods[ECHO_NMETHODS];

/* --- An interceptor that holds ------------------------------------------------------ */

/* So long, if nothing is done before. */
#define HOLD_MS 1

struct hold {
    struct stream *stream;
    struct timer timer;
    bool held, once;
};

static enum intercept_stage g_stage;
static bool g_holds;
static struct hold *g_hold;
static int g_entered, g_left;

static void go_on(struct hold *h, bool reject)
{
    const struct status no = status_of(STATUS_PERMISSION_DENIED, "no");
    h->held = false;
    timer_stop(&h->timer);
    interceptor_resume(h->stream, g_stage, reject ? INTERCEPT_REJECT : INTERCEPT_PASS, &no);
}

static void on_held_long(struct timer *timer)
{
    go_on(container_of(timer, struct hold, timer), false);
}

static enum intercept hold_at(const struct intercepted *i, enum intercept_stage stage)
{
    struct hold *h = i->state;
    if (!g_holds || stage != g_stage || h->once)
        return INTERCEPT_PASS;
    h->held = h->once = true;
    h->timer.fired = on_held_long;
    timer_start(h->stream->loop, &h->timer, HOLD_MS);
    return INTERCEPT_LATER;
}

static enum intercept hold_call(const struct intercepted *i, struct status *why)
{
    (void)why;
    g_entered++;
    g_hold = i->state;
    g_hold->stream = i->stream;
    return hold_at(i, INTERCEPT_CALL);
}

static enum intercept hold_in(const struct intercepted *i, struct bytes message, struct status *why)
{
    (void)message;
    (void)why;
    return hold_at(i, INTERCEPT_IN);
}

static enum intercept hold_out(const struct intercepted *i, struct bytes message,
                               struct status *why)
{
    (void)message;
    (void)why;
    return hold_at(i, INTERCEPT_OUT);
}

static enum intercept hold_finish(const struct intercepted *i, struct status *status)
{
    (void)status;
    return hold_at(i, INTERCEPT_FINISH);
}

static void hold_close(const struct intercepted *i, const struct status *status)
{
    (void)status;
    timer_stop(&((struct hold *)i->state)->timer);
    g_left++;
    g_hold = NULL;
}

static const struct interceptor holder = {
    .name = "holder",
    .state_bytes = sizeof(struct hold),
    .on_call = hold_call,
    .on_message_in = hold_in,
    .on_message_out = hold_out,
    .on_finish = hold_finish,
    .on_close = hold_close,
};

/* --- Calls -------------------------------------------------------------------------- */

static struct chain g_chain;

static void open_world(struct call_world *w)
{
    g_entered = g_left = 0;
    g_chain = (struct chain){ 0 };
    chain_add(&g_chain, &holder, NULL);
    call_world_open_both(
        w, g_methods, ECHO_NMETHODS,
        &(struct server_options){ .chain = &g_chain, .tls = g_tls != NULL ? g_server : NULL },
        &(struct channel_options){ .tls = g_tls });
}

static void check_holder(void)
{
    cr_assert_eq(g_entered, g_left, "%s", g_every.d.name);
}

static void init(void)
{
    setenv("CALL_TRANSPORT", "http", 1);
    log_init("test", LOG_ERROR, LOG_TEXT);
    signal(SIGPIPE, SIG_IGN); /* as our programs do: libuv writes to sockets as to files */
    g_thread = pthread_self();
    g_every.open = open_world;
    g_every.check = check_holder;
    for (size_t i = 0; i < ECHO_NMETHODS; i++) {
        g_methods[i] = echo_methods[i];
        g_methods[i].data = echo_methods[i].handler;
        g_methods[i].handler = &handler;
    }
}

TestSuite(every_moment_of_http, .init = init);

static void connection_ages(void);

/* Whatever may be seen was seen once, or the test tests less than it says. */
static void every_moment(const struct disturbance *what)
{
    g_every.d = *what;
    g_every.seen = 0;
    for (size_t i = 0; i < ECHO_NMETHODS; i++)
        if ((g_few & BIT(i)) != 0)
            every_moment_of(&g_methods[i], 2);
    /* Whether a call is about to begin when its connection gets too old depends on
     * the client, and it makes no call again by itself here. */
    const unsigned must = what->what == connection_ages ? BIT(STATUS_OK) : what->client_may_see;
    cr_assert(what->then != NULL || (g_every.seen & must) == must, "%s: %x of %x", what->name,
              g_every.seen, must);
    assert_no_leaks();
}

/* --- What may happen to a call ------------------------------------------------------ */

static void held_goes_on(void)
{
    if (g_hold != NULL && g_hold->held)
        go_on(g_hold, false);
}

static void held_is_rejected(void)
{
    if (g_hold != NULL && g_hold->held)
        go_on(g_hold, true);
}

/* --- The same from inside of the server --------------------------------------------- */

static void for_each_conn(void (*fn)(struct conn *c))
{
    struct ring *conns = &http_server_of(g_every.world.server)->lanes[0].conns;
    for (struct ring *r = conns->next, *next; r != conns; r = next) {
        next = r->next;
        fn(container_of(r, struct conn, link));
    }
}

static void for_each_call(void (*fn)(struct http_call *c))
{
    struct ring *conns = &http_server_of(g_every.world.server)->lanes[0].conns;
    for (struct ring *r = conns->next; r != conns; r = r->next) {
        struct conn *c = container_of(r, struct conn, link);
        for (struct ring *k = c->calls.next, *next; k != &c->calls; k = next) {
            next = k->next;
            fn(container_of(k, struct http_call, link));
        }
    }
}

static void pass_deadline(struct http_call *c)
{
    if (c->life != LIFE_HEADERS)
        timer_start(g_every.world.loop, &c->deadline, 0);
}

static void deadline_passes(void)
{
    for_each_call(pass_deadline);
}

static void cut_call(struct http_call *c)
{
    const struct status why = status_of(STATUS_UNAVAILABLE, "too slow");
    http_call_cut(c, &why);
}

static void client_is_too_slow(void)
{
    for_each_call(cut_call);
}

static void cut_conn(struct conn *c)
{
    conn_cut(c, REFUSED_KEEPALIVE);
}

static void keepalive_fails(void)
{
    for_each_conn(cut_conn);
}

static void age(struct conn *c)
{
    if (c->state == CONN_OPEN || c->state == CONN_LEAVING)
        conn_leave(c);
}

static void connection_ages(void)
{
    for_each_conn(age);
}

static void calm_down(struct conn *c)
{
    if (c->state < CONN_LINGER)
        conn_calm_down(c, REFUSED_FLOOD, "enough");
}

static void client_floods(void)
{
    for_each_conn(calm_down);
}

#define ANYWHERE (ROUND | HANDLER)

/* clang-format off */
#define ROW(name, sources, client, server) { #name, name, sources, client, server, NULL, 0 }
/* clang-format on */

static const struct disturbance disturbances[] = {
    ROW(nothing_happens, ANYWHERE, OK, OK),
    ROW(client_cancels, ANYWHERE, OK | CANCELLED, OK | CANCELLED),
    ROW(server_fails, ANYWHERE, OK | ABORTED, OK | ABORTED | CANCELLED),
    ROW(client_end_breaks, ANYWHERE | SOCKET, OK | UNAVAILABLE, OK | CANCELLED),
    ROW(server_end_breaks, ANYWHERE | SOCKET, OK | UNAVAILABLE, OK | CANCELLED),
    ROW(deadline_passes, ANYWHERE, OK | DEADLINE | CANCELLED, OK | DEADLINE),
    ROW(client_is_too_slow, ROUND, OK | UNAVAILABLE, OK | UNAVAILABLE),
    ROW(keepalive_fails, ROUND, OK | UNAVAILABLE, OK | CANCELLED),
    ROW(connection_ages, ROUND, OK | UNAVAILABLE, OK),
    ROW(client_floods, ROUND, OK | UNAVAILABLE, OK | CANCELLED),
#undef ROW
};

static const struct disturbance *find(const char *name)
{
    for (size_t i = 0; i < sizeof disturbances / sizeof *disturbances; i++)
        if (strcmp(disturbances[i].name, name) == 0)
            return &disturbances[i];
    cr_assert_fail("%s is no disturbance", name);
    return NULL;
}

static void and_end(const struct disturbance *what)
{
    every_moment_and_end(what, every_moment, UNAVAILABLE | CANCELLED, UNAVAILABLE | CANCELLED);
    cr_log_info("%d calls", g_every.calls);
}

#define EVERY_MOMENT(name)                                                                         \
    Test(every_moment_of_http, name)                                                               \
    {                                                                                              \
        and_end(find(#name));                                                                      \
    }

EVERY_MOMENT(nothing_happens)
EVERY_MOMENT(client_cancels)
EVERY_MOMENT(server_fails)
EVERY_MOMENT(client_end_breaks)
EVERY_MOMENT(server_end_breaks)
EVERY_MOMENT(deadline_passes)
EVERY_MOMENT(client_is_too_slow)
EVERY_MOMENT(keepalive_fails)
EVERY_MOMENT(connection_ages)
EVERY_MOMENT(client_floods)

/* --- While an interceptor holds it -------------------------------------------------- */

/* Those that differ most. */
static void a_few_disturbances(void)
{
    static const char *const names[] = { "client_cancels", "server_fails", "server_end_breaks",
                                         "deadline_passes", "connection_ages" };
    g_few = FEW;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        every_moment(find(names[i]));
}

static void while_held(enum intercept_stage stage)
{
    g_few = FEW;
    g_holds = true;
    g_stage = stage;
    every_moment(&(struct disturbance){ "held_goes_on", held_goes_on, ANYWHERE, OK, OK, NULL, 0 });
    every_moment(&(struct disturbance){ "held_is_rejected", held_is_rejected, ANYWHERE, OK | DENIED,
                                        OK | DENIED, NULL, 0 });
    a_few_disturbances();
    cr_log_info("%d calls", g_every.calls);
}

Test(every_moment_of_http, of_a_held_call)
{
    while_held(INTERCEPT_CALL);
}

Test(every_moment_of_http, of_a_held_request)
{
    while_held(INTERCEPT_IN);
}

Test(every_moment_of_http, of_a_held_answer)
{
    while_held(INTERCEPT_OUT);
}

Test(every_moment_of_http, of_a_held_status)
{
    while_held(INTERCEPT_FINISH);
}

/* --- Over TLS ----------------------------------------------------------------------- */

Test(every_moment_of_http, over_tls)
{
    char error[TLS_ERROR_MAX];
    tls_world_open();
    tls_open(NULL);
    char *ca = strdup(tls_path("ca.pem"));
    const struct tls_client_options o = { .ca = ca, .server_name = "localhost" };
    cr_assert(tls_client_new(&g_tls, &o, error), "%s", error);
    a_few_disturbances();
    cr_log_info("%d calls", g_every.calls);
    tls_client_free(g_tls);
    free(ca);
    tls_world_close();
}
