/* Every moment of a call on our own wire: something is done to it at the first
 * of them, then in a new call at the second, and so on until the call ends
 * before. Each time it must close once on both sides, leave nothing in flight and
 * no memory behind.
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
#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/tls_world.h"
#include "weir/http/http_call.h"
#include "weir/http/lane.h"
#include "weir/tls.h"

#define BIT(n) (1u << (n))

enum source { ROUND = 1, HANDLER = 2, SOCKET = 4 };

/* What is done to the call, and a number of turns later to all of it. */
struct disturbance {
    const char *name;
    void (*what)(void);
    unsigned sources;
    unsigned client_may_see, server_may_see; /* statuses, as bits */
    void (*then)(void);                      /* may be NULL */
    unsigned turns;
};

static struct call_world g_world;
static struct talk g_talk;
static struct disturbance g_do;
static struct tls_client *g_tls;
static int g_events, g_at; /* 0: it was done; -1: nothing to do */
static unsigned g_turns;
static int g_client_fd, g_server_fd;
static int g_calls;
static unsigned g_seen; /* statuses that the client saw */

/* The methods; where there is more to try, those that differ most. */
#define FEW (BIT(0) | BIT(3) | BIT(ECHO_RUNS))
static unsigned g_few = BIT(ECHO_NMETHODS) - 1;
static pthread_t g_thread;

/* --- Moments ------------------------------------------------------------------------ */

static void on_turn(struct task *task)
{
    if (g_turns-- > 0)
        task_defer(g_world.loop, task);
    else
        g_do.then();
}

static struct task g_turn = { .run = on_turn };

static bool is_over(void)
{
    return g_talk.s == NULL && g_echo.open == NULL;
}

static void do_it(void)
{
    g_at = 0;
    g_do.what();
    g_turns = g_do.turns;
    if (g_do.then != NULL && g_turns-- > 0)
        task_defer(g_world.loop, &g_turn);
    else if (g_do.then != NULL)
        g_do.then();
}

static void moment(enum source source)
{
    if (g_at <= 0 || (g_do.sources & source) == 0 || is_over())
        return;
    if (++g_events == g_at)
        do_it();
}

/* --- The system's calls ------------------------------------------------------------- */

#define REAL(name, ...)                                                                            \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

static bool is_ours(int epfd)
{
    return g_at > 0 && pthread_equal(pthread_self(), g_thread) &&
           epfd == uv_backend_fd(loop_uv(g_world.loop));
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
    if (g_at > 0 && fd == g_server_fd && pthread_equal(pthread_self(), g_thread))
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
    g_client_fd = fd;
    return real(fd, address, len);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    REAL(accept4)
    const int accepted = real(fd, address, len, flags);
    if (accepted >= 0)
        g_server_fd = accepted;
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

static void init(void)
{
    setenv("CALL_TRANSPORT", "http", 1);
    log_init("test", LOG_ERROR, LOG_TEXT);
    signal(SIGPIPE, SIG_IGN); /* as our programs do: libuv writes to sockets as to files */
    g_thread = pthread_self();
    for (size_t i = 0; i < ECHO_NMETHODS; i++) {
        g_methods[i] = echo_methods[i];
        g_methods[i].data = echo_methods[i].handler;
        g_methods[i].handler = &handler;
    }
}

TestSuite(every_moment_of_http, .init = init);

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

static void open_world(const struct chain *chain)
{
    call_world_open_both(
        &g_world, g_methods, ECHO_NMETHODS,
        &(struct server_options){ .chain = chain, .tls = g_tls != NULL ? g_server : NULL },
        &(struct channel_options){ .tls = g_tls });
}

static void reset(int at)
{
    g_calls++;
    g_events = g_entered = g_left = 0;
    g_at = at;
    g_client_fd = g_server_fd = -1;
}

static void check_call(const char *path, int at)
{
    cr_assert_eq(g_talk.closes, 1, "%s: %s, event %d", g_do.name, path, at);
    cr_assert_leq(g_echo.opened, 1, "%s: %s, event %d: it was handled twice", g_do.name, path, at);
    cr_assert_eq(g_entered, g_left, "%s: %s, event %d", g_do.name, path, at);
    g_seen |= BIT(g_talk.status.code);
    cr_assert(g_do.client_may_see & BIT(g_talk.status.code), "%s: %s, event %d: %d %s", g_do.name,
              path, at, g_talk.status.code, g_talk.status.message);
    cr_assert(g_echo.opened == 0 || (g_do.server_may_see & BIT(g_echo.code)),
              "%s: %s, event %d: %d", g_do.name, path, at, g_echo.code);
    const size_t live = heap_live_in_the_end();
    cr_assert_eq(live, 0, "%s: %s, event %d: %zu blocks", g_do.name, path, at, live);
}

/* Returns whether the moment came before the call was over. */
static bool call_once(const char *path, const char *const *words, int at)
{
    struct chain chain = { 0 };
    chain_add(&chain, &holder, NULL);
    heap_watch();
    reset(at);
    open_world(&chain);
    g_talk = (struct talk){ .say = words };
    talk_open(&g_talk, &g_world, path, NULL);
    loop_run(g_world.loop);
    const bool came = g_at <= 0;
    g_at = -1;
    task_cancel(&g_turn);
    call_world_close(&g_world);
    check_call(path, at);
    return came;
}

static void every_moment_of(const struct method *m)
{
    const char *const *words = m->requests == ONE ? SAY("a") : SAY("a", "b", "c");
    int at = 1;
    while (call_once(m->path, words, at))
        at++;
    cr_assert_gt(at, 2, "%s had only %d events", m->path, at);
    cr_assert_eq(g_talk.status.code, STATUS_OK, "undisturbed at last");
    cr_assert_eq(g_echo.code, STATUS_OK);
}

static void connection_ages(void);

/* Whatever may be seen was seen once, or the test tests less than it says. */
static void every_moment(const struct disturbance *what)
{
    g_do = *what;
    g_seen = 0;
    for (size_t i = 0; i < ECHO_NMETHODS; i++)
        if ((g_few & BIT(i)) != 0)
            every_moment_of(&g_methods[i]);
    /* Whether a call is about to begin when its connection gets too old depends on
     * the client, and it makes no call again by itself here. */
    const unsigned must = what->what == connection_ages ? BIT(STATUS_OK) : what->client_may_see;
    cr_assert(what->then != NULL || (g_seen & must) == must, "%s: %x of %x", what->name, g_seen,
              must);
    assert_no_leaks();
}

/* --- What may happen to a call ------------------------------------------------------ */

enum {
    OK = BIT(STATUS_OK),
    CANCELLED = BIT(STATUS_CANCELLED),
    ABORTED = BIT(STATUS_ABORTED),
    UNAVAILABLE = BIT(STATUS_UNAVAILABLE),
    DEADLINE = BIT(STATUS_DEADLINE_EXCEEDED),
    DENIED = BIT(STATUS_PERMISSION_DENIED),
};

static void client_cancels(void)
{
    if (g_talk.s != NULL)
        stream_fail(g_talk.s, STATUS_CANCELLED, "enough");
}

/* The handler may have finished its stream already: nothing happens then. */
static void server_fails(void)
{
    if (g_echo.open != NULL)
        stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
}

static void client_end_breaks(void)
{
    if (g_client_fd >= 0)
        shutdown(g_client_fd, SHUT_RDWR);
}

static void server_end_breaks(void)
{
    if (g_server_fd >= 0)
        shutdown(g_server_fd, SHUT_RDWR);
}

static void nothing_happens(void)
{
}

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
    struct ring *conns = &http_server_of(g_world.server)->lanes[0].conns;
    for (struct ring *r = conns->next, *next; r != conns; r = next) {
        next = r->next;
        fn(container_of(r, struct conn, link));
    }
}

static void for_each_call(void (*fn)(struct http_call *c))
{
    struct ring *conns = &http_server_of(g_world.server)->lanes[0].conns;
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
        timer_start(g_world.loop, &c->deadline, 0);
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

/* --- And then ----------------------------------------------------------------------- */

static void server_stops(void)
{
    call_world_drain(&g_world, 0);
}

static void loop_returns(void)
{
    loop_break(g_world.loop);
}

/* With nothing after it, or the server stopped, or the loop left, at that moment
 * and one and two turns later. */
static void every_moment_and_end(const struct disturbance *what)
{
    struct disturbance d = *what;
    every_moment(&d);
    d.client_may_see |= UNAVAILABLE | CANCELLED;
    d.server_may_see |= UNAVAILABLE | CANCELLED;
    for (d.turns = 0; d.turns <= 2; d.turns++) {
        d.then = loop_returns;
        every_moment(&d);
        d.then = server_stops;
        every_moment(&d);
    }
    cr_log_info("%d calls", g_calls);
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

#define EVERY_MOMENT(name)                                                                         \
    Test(every_moment_of_http, name)                                                               \
    {                                                                                              \
        every_moment_and_end(find(#name));                                                         \
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
    cr_log_info("%d calls", g_calls);
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
    cr_log_info("%d calls", g_calls);
    tls_client_free(g_tls);
    free(ca);
    tls_world_close();
}
