/* Every moment of a call on gRPC's core, at both ends (lib/every_moment.h).
 *
 * The moments are those at which the completion queue hands out an event. So
 * this file puts itself before grpc_completion_queue_next(); and before the
 * system's calls that make a connection, to know what to break. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/every_moment.h"
#include "lib/leaks.h"
#include "weir/grpc_core/core_call.h"

#define EVENT 1 /* the only source */

/* --- Moments ------------------------------------------------------------------------ */

typedef grpc_event (*next_fn)(grpc_completion_queue *, gpr_timespec, void *);

grpc_event grpc_completion_queue_next(grpc_completion_queue *queue, gpr_timespec deadline,
                                      void *reserved)
{
    static next_fn real;
    if (real == NULL)
        real = (next_fn)dlsym(RTLD_NEXT, "grpc_completion_queue_next");
    const grpc_event ev = real(queue, deadline, reserved);
    if (ev.type == GRPC_OP_COMPLETE)
        moment(EVENT); /* it has happened, and nobody has heard of it */
    return ev;
}

typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    static connect_fn real;
    if (real == NULL)
        real = (connect_fn)dlsym(RTLD_NEXT, "connect");
    g_every.client_fd = fd;
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
        g_every.server_fd = accepted;
    return accepted;
}

/* --- Calls -------------------------------------------------------------------------- */

static void open_world(struct call_world *w)
{
    call_world_open(w, echo_methods, 4, NULL);
}

static void init(void)
{
    setenv("CALL_TRANSPORT", "core", 1);
    g_every.open = open_world;
}

TestSuite(every_moment, .init = init);

static void every_moment(const struct disturbance *what)
{
    g_every.d = *what;
    for (size_t i = 0; i < 4; i++)
        every_moment_of(&echo_methods[i], 4);
    assert_no_leaks();
}

/* --- What may happen to a call ------------------------------------------------------ */

static void client_cancels_twice(void)
{
    const struct status ok = status_ok();
    if (g_every.talk.s != NULL)
        stream_finish(g_every.talk.s, &ok);
    client_cancels();
    if (g_every.talk.s != NULL)
        stream_fail(g_every.talk.s, STATUS_ABORTED, "more than enough");
}

/* As a write or a call that took too long does. */
static void server_cancels(void)
{
    if (g_echo.open != NULL)
        grpc_call_cancel_with_status(call_of(g_echo.open)->grpc, GRPC_STATUS_UNAVAILABLE,
                                     "too long", NULL);
}

static void channel_goes(void)
{
    channel_free(g_every.world.channel);
    g_every.world.channel = NULL;
}

/* The server may stop first; what comes when gRPC was told is CANCELLED by the core. */
static void and_end(const struct disturbance *what)
{
    every_moment_and_end(what, every_moment, UNAVAILABLE | CANCELLED, 0);
    cr_log_info("%d calls", g_every.calls);
}

#define EVERY_MOMENT(name, client, server)                                                         \
    Test(every_moment, name)                                                                       \
    {                                                                                              \
        and_end(&(struct disturbance){ #name, name, EVENT, client, server, NULL, 0 });             \
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
