/* Every moment of a call: something is done to it after its first completed
 * operation, then in a new call after its second, and so on until the call
 * ends before. Each time it must close once on both sides, leave nothing in
 * flight and no memory behind.
 *
 * The moments are those at which the completion queue hands out an event. So
 * this file puts itself before grpc_completion_queue_next(); and before the
 * system's calls that make a connection, to know what to break. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/container.h"
#include "lib/call_world.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "weir/grpc_core/core_call.h"

#define BIT(code) (1u << (code))

/* What is done to the call, and a number of turns later to all of it. */
struct disturbance {
    void (*what)(void);
    unsigned client_may_see, server_may_see; /* statuses, as bits */
    void (*then)(void);                      /* may be NULL */
    unsigned turns;
};

static struct call_world g_world;
static struct talk g_talk;
static struct disturbance g_do;
static int g_events, g_at; /* 0: it was done; -1: nothing to do */
static unsigned g_turns;
static int g_client_fd, g_server_fd;
static int g_calls;

/* They are the core's moments, at both ends. */
static void init(void)
{
    setenv("CALL_TRANSPORT", "core", 1);
}

TestSuite(every_moment, .init = init);

/* --- Moments ------------------------------------------------------------------------ */

static void on_turn(struct task *task)
{
    if (g_turns-- > 0)
        task_defer(g_world.loop, task);
    else
        g_do.then();
}

static struct task g_turn = { .run = on_turn };

static void do_it(void)
{
    if (g_talk.s == NULL && g_echo.open == NULL)
        return; /* it has ended: the loop is only stopping */
    g_at = 0;
    g_do.what();
    g_turns = g_do.turns;
    if (g_do.then != NULL && g_turns-- > 0)
        task_defer(g_world.loop, &g_turn);
    else if (g_do.then != NULL)
        g_do.then();
}

typedef grpc_event (*next_fn)(grpc_completion_queue *, gpr_timespec, void *);

grpc_event grpc_completion_queue_next(grpc_completion_queue *queue, gpr_timespec deadline,
                                      void *reserved)
{
    static next_fn real;
    if (real == NULL)
        real = (next_fn)dlsym(RTLD_NEXT, "grpc_completion_queue_next");
    const grpc_event ev = real(queue, deadline, reserved);
    if (ev.type == GRPC_OP_COMPLETE && ++g_events == g_at)
        do_it(); /* the event has happened, and nobody has heard of it */
    return ev;
}

typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    static connect_fn real;
    if (real == NULL)
        real = (connect_fn)dlsym(RTLD_NEXT, "connect");
    g_client_fd = fd;
    return real(fd, address, len);
}

typedef int (*accept4_fn)(int, struct sockaddr *, socklen_t *, int);

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    static accept4_fn real;
    if (real == NULL)
        real = (accept4_fn)dlsym(RTLD_NEXT, "accept4");
    const int accepted = real(fd, address, len, flags);
    if (accepted >= 0)
        g_server_fd = accepted;
    return accepted;
}

/* --- Calls -------------------------------------------------------------------------- */

/* Returns whether the moment came before the call was over. */
static bool call_once(const char *path, const char *const *words, int at)
{
    g_calls++;
    g_events = 0;
    g_at = at;
    g_client_fd = g_server_fd = -1;
    heap_watch();
    call_world_open(&g_world, echo_methods, 4, NULL);
    g_talk = (struct talk){ .say = words };
    talk_open(&g_talk, &g_world, path, NULL);
    loop_run(g_world.loop);
    const bool came = g_at <= 0;
    g_at = -1;
    task_cancel(&g_turn);
    call_world_close(&g_world);
    cr_assert_eq(g_talk.closes, 1, "%s, event %d", path, at);
    const size_t live = heap_live_in_the_end();
    cr_assert_eq(live, 0, "%s, event %d: %zu blocks", path, at, live);
    cr_assert(g_do.client_may_see & BIT(g_talk.status.code), "%s, event %d: %d %s", path, at,
              g_talk.status.code, g_talk.status.message);
    cr_assert(g_echo.opened == 0 || (g_do.server_may_see & BIT(g_echo.code)), "%s, event %d: %d",
              path, at, g_echo.code);
    return came;
}

static void every_moment(const struct disturbance *what)
{
    g_do = *what;
    for (size_t i = 0; i < 4; i++) {
        const struct method *m = &echo_methods[i];
        const char *const *words = m->requests == ONE ? SAY("a") : SAY("a", "b", "c");
        int at = 1;
        while (call_once(m->path, words, at))
            at++;
        cr_assert_gt(at, 4, "%s had only %d events", m->path, at);
        cr_assert_eq(g_talk.status.code, STATUS_OK, "undisturbed at last");
        cr_assert_eq(g_echo.code, STATUS_OK);
    }
    assert_no_leaks();
}

/* --- What may happen to a call ------------------------------------------------------ */

enum {
    OK = BIT(STATUS_OK),
    CANCELLED = BIT(STATUS_CANCELLED),
    ABORTED = BIT(STATUS_ABORTED),
    UNAVAILABLE = BIT(STATUS_UNAVAILABLE),
};

static void client_cancels(void)
{
    if (g_talk.s != NULL)
        stream_fail(g_talk.s, STATUS_CANCELLED, "enough");
}

static void client_cancels_twice(void)
{
    const struct status ok = status_ok();
    if (g_talk.s != NULL)
        stream_finish(g_talk.s, &ok);
    client_cancels();
    if (g_talk.s != NULL)
        stream_fail(g_talk.s, STATUS_ABORTED, "more than enough");
}

/* The handler may have finished its stream already: nothing happens then. */
static void server_fails(void)
{
    if (g_echo.open != NULL)
        stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
}

/* As a write or a call that took too long does. */
static void server_cancels(void)
{
    if (g_echo.open != NULL)
        grpc_call_cancel_with_status(call_of(g_echo.open)->grpc, GRPC_STATUS_UNAVAILABLE,
                                     "too long", NULL);
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

static void channel_goes(void)
{
    channel_free(g_world.channel);
    g_world.channel = NULL;
}

static void nothing_happens(void)
{
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
    /* The server may stop first; what comes when gRPC was told is CANCELLED by
     * the core. */
    d.client_may_see |= UNAVAILABLE | CANCELLED;
    for (d.turns = 0; d.turns <= 2; d.turns++) {
        d.then = loop_returns;
        every_moment(&d);
        d.then = server_stops;
        every_moment(&d);
    }
    cr_log_info("%d calls", g_calls);
}

#define EVERY_MOMENT(name, client, server)                                                         \
    Test(every_moment, name)                                                                       \
    {                                                                                              \
        every_moment_and_end(&(struct disturbance){ name, client, server, NULL, 0 });              \
    }

EVERY_MOMENT(nothing_happens, OK, OK | CANCELLED)
EVERY_MOMENT(client_cancels, OK | CANCELLED, OK | CANCELLED)
EVERY_MOMENT(client_cancels_twice, OK | CANCELLED, OK | CANCELLED)
EVERY_MOMENT(server_fails, OK | ABORTED, OK | ABORTED | CANCELLED)
EVERY_MOMENT(server_cancels, OK | UNAVAILABLE, OK | CANCELLED)
/* Streams that are open stay open. */
EVERY_MOMENT(channel_goes, OK, OK | CANCELLED)
EVERY_MOMENT(client_end_breaks, OK | UNAVAILABLE, OK | CANCELLED)
EVERY_MOMENT(server_end_breaks, OK | UNAVAILABLE, OK | CANCELLED)
