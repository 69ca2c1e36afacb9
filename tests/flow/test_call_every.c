/* Every moment of a call: something is done to it after its first completed
 * operation, then in a new call after its second, and so on until the call
 * ends before. Each time it must close once on both sides, leave nothing in
 * flight and no memory behind.
 *
 * The moments are those at which the completion queue hands out an event. So
 * this file puts itself before grpc_completion_queue_next(). */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <grpc/grpc.h>

#include "lib/call_world.h"
#include "lib/leaks.h"

typedef grpc_event (*next_fn)(grpc_completion_queue *, gpr_timespec, void *);

static int g_events, g_at;
static void (*g_what)(void);

grpc_event grpc_completion_queue_next(grpc_completion_queue *queue, gpr_timespec deadline,
                                      void *reserved)
{
    static next_fn real;
    if (real == NULL)
        real = (next_fn)dlsym(RTLD_NEXT, "grpc_completion_queue_next");
    const grpc_event ev = real(queue, deadline, reserved);
    if (ev.type == GRPC_OP_COMPLETE && ++g_events == g_at)
        g_what(); /* the event has happened, and nobody has heard of it */
    return ev;
}

static struct call_world g_world;
static struct talk g_talk;

/* Returns whether the moment came before the call was over. */
static bool call_once(const char *path, const char *const *words, void (*what)(void), int at)
{
    g_events = 0;
    g_at = at;
    g_what = what;
    call_world_open(&g_world, echo_methods, 4, NULL);
    g_talk = (struct talk){ .say = words };
    talk_open(&g_talk, &g_world, path, NULL);
    loop_run(g_world.loop);
    const bool came = g_at == 0;
    g_at = -1;
    cr_assert_eq(g_talk.closes, 1, "%s, event %d", path, at);
    call_world_close(&g_world);
    return came;
}

static void every_moment(void (*what)(void))
{
    for (size_t i = 0; i < 4; i++) {
        const struct method *m = &echo_methods[i];
        const char *const *words = m->requests == ONE ? SAY("a") : SAY("a", "b", "c");
        int at = 1;
        while (call_once(m->path, words, what, at))
            at++;
        cr_assert_gt(at, 4, "%s had only %d events", m->path, at);
        cr_assert_eq(g_talk.status.code, STATUS_OK, "undisturbed at last");
        cr_assert_eq(g_echo.code, STATUS_OK);
    }
    assert_no_leaks();
}

static void client_cancels(void)
{
    if (g_talk.s == NULL)
        return;
    g_at = 0;
    stream_fail(g_talk.s, STATUS_CANCELLED, "enough");
}

Test(every_moment, client_cancels)
{
    every_moment(client_cancels);
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

Test(every_moment, client_half_closes_and_cancels_twice)
{
    every_moment(client_cancels_twice);
}

/* The handler may have finished its stream already: nothing happens then. */
static void server_fails(void)
{
    if (g_talk.s == NULL)
        return;
    g_at = 0;
    if (g_echo.open != NULL && !g_echo.open->finished)
        stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
}

Test(every_moment, server_fails)
{
    every_moment(server_fails);
}

static void server_drains(void)
{
    if (g_talk.s == NULL)
        return;
    g_at = 0;
    call_world_drain(&g_world, 0);
}

Test(every_moment, server_stops_at_once)
{
    every_moment(server_drains);
}

static void channel_goes(void)
{
    if (g_talk.s == NULL)
        return;
    g_at = 0;
    channel_free(g_world.channel);
    g_world.channel = NULL;
}

/* Streams that are open stay open. */
Test(every_moment, channel_is_freed)
{
    every_moment(channel_goes);
}
