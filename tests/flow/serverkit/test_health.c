/* grpc.health.v1: what Check and Watch say, and when. */
#include <criterion/criterion.h>

#include "lib/health_world.h"

static struct health_world w;

static void init(void)
{
    health_world_open(&w);
}

static void fini(void)
{
    health_world_close(&w);
}

TestSuite(health, .init = init, .fini = fini);

static void hang_up(struct fake_stream *f)
{
    if (!f->closed)
        fake_stream_close(f, STATUS_CANCELLED, "gone");
    LOOP_UNTIL(w.loop, f->closed);
    fake_stream_free(f);
}

/* As the daemon stops: health first, then the drain. */
static void stop_server(struct fake_stream *const *calls, size_t n)
{
    health_stop(w.health);
    for (size_t i = 0; i < n; i++)
        fake_stream_drain(calls[i]);
}

/* --- Check -------------------------------------------------------------------------- */

Test(health, everything_serves_until_somebody_says_otherwise)
{
    cr_assert_eq(health_check(&w, HEALTH_PROCESS), HEALTH_SERVING);
    cr_assert_eq(health_check(&w, "a"), HEALTH_SERVING);
    health_set(w.health, "b", HEALTH_NOT_SERVING);
    cr_assert_eq(health_check(&w, "a"), HEALTH_SERVING);
    cr_assert_eq(health_check(&w, "b"), HEALTH_NOT_SERVING);
    health_set(w.health, "b", HEALTH_UNKNOWN);
    cr_assert_eq(health_check(&w, "b"), HEALTH_UNKNOWN);
    cr_assert_eq(health_check(&w, HEALTH_PROCESS), HEALTH_SERVING);
}

Test(health, check_of_what_is_not_there)
{
    const struct {
        const char *service;
        enum status_code code;
    } rows[] = {
        { "c", STATUS_NOT_FOUND },
        { "A", STATUS_NOT_FOUND },
        { "grpc.health.v1.Health", STATUS_NOT_FOUND },
        { "\xff", STATUS_INVALID_ARGUMENT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_stream *f = health_call(&w, "Check", rows[i].service);
        LOOP_UNTIL(w.loop, f->closed);
        cr_expect_eq(f->status.code, rows[i].code, "row %zu: %s", i, f->status.message);
        cr_expect_eq(f->sent.n, 0);
        fake_stream_free(f);
    }
}

/* --- Watch -------------------------------------------------------------------------- */

Test(health, a_watch_hears_the_state_and_each_change_once)
{
    struct fake_stream *f = health_call(&w, "Watch", "a");
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    cr_assert_eq(health_sent(f, 0), HEALTH_SERVING);
    health_set(w.health, "a", HEALTH_SERVING);
    health_set(w.health, "b", HEALTH_NOT_SERVING);
    loop_turns(w.loop, 4);
    cr_assert_eq(f->sent.n, 1, "no change of this service");
    health_set(w.health, "a", HEALTH_NOT_SERVING);
    LOOP_UNTIL(w.loop, f->sent.n == 2);
    cr_assert_eq(health_sent(f, 1), HEALTH_NOT_SERVING);
    health_set(w.health, "a", HEALTH_SERVING);
    LOOP_UNTIL(w.loop, f->sent.n == 3);
    loop_turns(w.loop, 4);
    cr_assert_eq(f->sent.n, 3);
    cr_assert_eq(health_sent(f, 2), HEALTH_SERVING);
    cr_assert(!f->closed);
    hang_up(f);
}

Test(health, a_watch_of_an_unknown_service_stays)
{
    struct fake_stream *f = health_call(&w, "Watch", "c");
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    cr_assert_eq(health_sent(f, 0), HEALTH_SERVICE_UNKNOWN);
    health_set(w.health, "a", HEALTH_NOT_SERVING);
    loop_turns(w.loop, 4);
    cr_assert_eq(f->sent.n, 1);
    cr_assert(!f->closed && !f->s.finished);
    hang_up(f);
}

Test(health, a_slow_watch_hears_the_latest_only)
{
    struct fake_stream *f = health_call(&w, "Watch", "a");
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    fake_stream_window(f, false);
    for (int i = 0; i < 100; i++) {
        health_set(w.health, "a", i % 2 == 0 ? HEALTH_NOT_SERVING : HEALTH_SERVING);
        loop_turns(w.loop, 2);
    }
    health_set(w.health, "a", HEALTH_UNKNOWN);
    loop_turns(w.loop, 2);
    cr_assert_eq(f->out.n, 2, "what a stream holds");
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->sent.n == 4);
    loop_turns(w.loop, 4);
    cr_assert_eq(f->sent.n, 4);
    cr_assert_eq(health_sent(f, 3), HEALTH_UNKNOWN);
    hang_up(f);
}

Test(health, watches_come_and_go)
{
    struct fake_stream *f[3];
    for (int i = 0; i < 3; i++)
        f[i] = health_call(&w, "Watch", "a");
    LOOP_UNTIL(w.loop, f[0]->sent.n + f[1]->sent.n + f[2]->sent.n == 3);
    hang_up(f[1]);
    health_set(w.health, "a", HEALTH_NOT_SERVING);
    LOOP_UNTIL(w.loop, f[0]->sent.n == 2 && f[2]->sent.n == 2);
    hang_up(f[0]);
    hang_up(f[2]);
    health_set(w.health, "a", HEALTH_SERVING);
    loop_turns(w.loop, 4);
}

/* --- The stop ----------------------------------------------------------------------- */

Test(health, a_stop_is_told_before_the_watch_ends)
{
    struct fake_stream *f[] = { health_call(&w, "Watch", "a"), health_call(&w, "Watch", "c"),
                                health_call(&w, "Watch", HEALTH_PROCESS) };
    const enum health_state last[] = { HEALTH_NOT_SERVING, HEALTH_SERVICE_UNKNOWN,
                                       HEALTH_NOT_SERVING };
    LOOP_UNTIL(w.loop, f[0]->sent.n == 1 && f[1]->sent.n == 1 && f[2]->sent.n == 1);
    stop_server(f, 3);
    for (int i = 0; i < 3; i++) {
        LOOP_UNTIL(w.loop, f[i]->closed);
        cr_expect_eq(health_sent(f[i], f[i]->sent.n - 1), last[i], "watch %d", i);
        cr_expect_eq(f[i]->sent.n, last[i] == HEALTH_NOT_SERVING ? 2 : 1, "watch %d", i);
        cr_expect_eq(f[i]->status.code, STATUS_UNAVAILABLE);
        fake_stream_free(f[i]);
    }
}

Test(health, a_slow_watch_hears_of_the_stop_too)
{
    struct fake_stream *f = health_call(&w, "Watch", "a");
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    fake_stream_window(f, false);
    health_set(w.health, "a", HEALTH_NOT_SERVING);
    loop_turns(w.loop, 2);
    health_set(w.health, "a", HEALTH_SERVING);
    loop_turns(w.loop, 2);
    stop_server(&f, 1);
    loop_turns(w.loop, 4);
    cr_assert(!f->s.finished, "there is something to tell yet");
    fake_stream_window(f, true);
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->sent.n, 4);
    cr_assert_eq(health_sent(f, 3), HEALTH_NOT_SERVING);
    fake_stream_free(f);
}

Test(health, nothing_serves_after_the_stop)
{
    health_stop(w.health);
    health_set(w.health, "a", HEALTH_SERVING);
    cr_assert_eq(health_check(&w, "a"), HEALTH_NOT_SERVING);
    cr_assert_eq(health_check(&w, HEALTH_PROCESS), HEALTH_NOT_SERVING);
}
