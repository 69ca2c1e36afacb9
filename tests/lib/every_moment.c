#include "lib/every_moment.h"

#include <sys/socket.h>

#include "lib/heap.h"

struct every_moment g_every;

static int events, due; /* 0: it was done; -1: nothing to do */
static unsigned turns;

/* --- Moments ------------------------------------------------------------------------ */

static void on_turn(struct task *task)
{
    if (turns-- > 0)
        task_defer(g_every.world.loop, task);
    else
        g_every.d.then();
}

static struct task turn = { .run = on_turn };

static void disturb(void)
{
    due = 0;
    g_every.d.what();
    turns = g_every.d.turns;
    if (g_every.d.then != NULL && turns-- > 0)
        task_defer(g_every.world.loop, &turn);
    else if (g_every.d.then != NULL)
        g_every.d.then();
}

bool moment_is_due(void)
{
    return due > 0;
}

/* It has ended: the loop is only stopping. */
static bool is_over(void)
{
    return g_every.talk.s == NULL && g_echo.open == NULL;
}

void moment(unsigned source)
{
    if (due > 0 && (g_every.d.sources & source) != 0 && !is_over() && ++events == due)
        disturb();
}

/* --- Calls -------------------------------------------------------------------------- */

static void check_call(const char *path, int at)
{
    const struct disturbance *d = &g_every.d;
    const struct status *status = &g_every.talk.status;
    cr_assert_eq(g_every.talk.closes, 1, "%s: %s, event %d", d->name, path, at);
    cr_assert_leq(g_echo.opened, 1, "%s: %s, event %d: it was handled twice", d->name, path, at);
    cr_assert(d->client_may_see & BIT(status->code), "%s: %s, event %d: %d %s", d->name, path, at,
              status->code, status->message);
    cr_assert(g_echo.opened == 0 || (d->server_may_see & BIT(g_echo.code)), "%s: %s, event %d: %d",
              d->name, path, at, g_echo.code);
    const size_t live = heap_live_in_the_end();
    cr_assert_eq(live, 0, "%s: %s, event %d: %zu blocks", d->name, path, at, live);
    g_every.seen |= BIT(status->code);
}

/* Returns whether the moment came before the call was over. */
static bool call_once(const char *path, const char *const *words, int at)
{
    g_every.calls++;
    g_every.client_fd = g_every.server_fd = -1;
    events = 0;
    due = at;
    heap_watch();
    g_every.open(&g_every.world);
    g_every.talk = (struct talk){ .say = words };
    talk_open(&g_every.talk, &g_every.world, path, NULL);
    loop_run(g_every.world.loop);
    const bool came = due == 0;
    due = -1;
    task_cancel(&turn);
    call_world_close(&g_every.world);
    check_call(path, at);
    if (g_every.check != NULL)
        g_every.check();
    return came;
}

void every_moment_of(const struct method *m, int least)
{
    const char *const *words = m->requests == ONE ? SAY("a") : SAY("a", "b", "c");
    int at = 1;
    while (call_once(m->path, words, at))
        at++;
    cr_assert_gt(at, least, "%s had only %d events", m->path, at);
    cr_assert_eq(g_every.talk.status.code, STATUS_OK, "undisturbed at last");
    cr_assert_eq(g_echo.code, STATUS_OK);
}

/* --- And then ----------------------------------------------------------------------- */

static void server_stops(void)
{
    call_world_drain(&g_every.world, 0);
}

static void loop_returns(void)
{
    loop_break(g_every.world.loop);
}

void every_moment_and_end(const struct disturbance *what,
                          void (*every)(const struct disturbance *d), unsigned client_too,
                          unsigned server_too)
{
    struct disturbance d = *what;
    every(&d);
    d.client_may_see |= client_too;
    d.server_may_see |= server_too;
    for (d.turns = 0; d.turns <= 2; d.turns++) {
        d.then = loop_returns;
        every(&d);
        d.then = server_stops;
        every(&d);
    }
}

/* --- What may happen ---------------------------------------------------------------- */

void nothing_happens(void)
{
}

void client_cancels(void)
{
    if (g_every.talk.s != NULL)
        stream_fail(g_every.talk.s, STATUS_CANCELLED, "enough");
}

void server_fails(void)
{
    if (g_echo.open != NULL)
        stream_fail(g_echo.open, STATUS_ABORTED, "that was it");
}

static void break_off(int fd)
{
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

void client_end_breaks(void)
{
    break_off(g_every.client_fd);
}

void server_end_breaks(void)
{
    break_off(g_every.server_fd);
}
