/* What Post says of its health, as its streams to User come and go. */
#include <criterion/criterion.h>

#include "lib/health_world.h"
#include "post/readiness.h"

#define TIMEOUT_MS 30

static struct health_world w;
static struct readiness r;
static struct user_link links[2]; /* of two loops */

static void init(void)
{
    health_world_open(&w);
    r = (struct readiness){
        .health = w.health,
        .services = health_world_services,
        .nservices = HEALTH_WORLD_NSERVICES - 1,
        .user = health_world_services[HEALTH_WORLD_NSERVICES - 1],
        .first = w.loop,
        .user_timeout_ms = TIMEOUT_MS,
    };
    links[0].readiness = links[1].readiness = &r;
    readiness_init(&r);
}

static void fini(void)
{
    readiness_close(&r);
    health_world_close(&w);
}

TestSuite(readiness, .init = init, .fini = fini);

static enum health_state now(void)
{
    loop_turns(w.loop, 2);
    const enum health_state a = health_check(&w, "a");
    cr_assert_eq(health_check(&w, "b"), a, "all services alike");
    cr_assert_eq(health_check(&w, HEALTH_PROCESS), HEALTH_SERVING, "the process runs");
    return a;
}

static enum health_state of_user(void)
{
    loop_turns(w.loop, 2);
    return health_check(&w, "other");
}

static uint64_t wait_for(enum health_state state)
{
    const uint64_t before_ms = loop_now_ms(w.loop);
    LOOP_UNTIL(w.loop, health_check(&w, "a") == state);
    return loop_now_ms(w.loop) - before_ms;
}

Test(readiness, is_unknown_until_the_first_attempt_ends)
{
    cr_assert_eq(now(), HEALTH_UNKNOWN);
    readiness_link(&links[0], false);
    cr_assert_eq(now(), HEALTH_NOT_SERVING);
    readiness_link(&links[1], true);
    cr_assert_eq(now(), HEALTH_SERVING);
}

Test(readiness, an_attempt_that_does_not_end_is_none)
{
    wait_for(HEALTH_NOT_SERVING);
    readiness_link(&links[0], true);
    cr_assert_eq(now(), HEALTH_SERVING);
}

Test(readiness, serves_while_any_loop_has_its_stream)
{
    readiness_link(&links[0], true);
    readiness_link(&links[1], true);
    cr_assert_eq(now(), HEALTH_SERVING);
    readiness_link(&links[0], false);
    readiness_link(&links[0], false); /* redialled in vain */
    loop_turns(w.loop, 2);
    cr_assert(!timer_running(&r.patience), "the other one is up");
    cr_assert_eq(now(), HEALTH_SERVING);
    readiness_link(&links[1], false);
    cr_assert_eq(now(), HEALTH_SERVING, "listings wait for User, and so do we");
    cr_assert_geq(wait_for(HEALTH_NOT_SERVING), TIMEOUT_MS / 2);
    readiness_link(&links[1], true);
    cr_assert_eq(now(), HEALTH_SERVING);
}

Test(readiness, of_user_it_says_what_is_so_now)
{
    cr_assert_eq(of_user(), HEALTH_UNKNOWN);
    readiness_link(&links[0], true);
    readiness_link(&links[1], true);
    cr_assert_eq(of_user(), HEALTH_SERVING);
    readiness_link(&links[0], false);
    cr_assert_eq(of_user(), HEALTH_SERVING, "the other one is up");
    readiness_link(&links[1], false);
    cr_assert_eq(of_user(), HEALTH_NOT_SERVING);
    cr_assert(timer_running(&r.patience), "of itself it still says SERVING");
    readiness_link(&links[0], true);
    cr_assert_eq(of_user(), HEALTH_SERVING);
}

Test(readiness, a_first_attempt_in_vain_says_so_of_user)
{
    readiness_link(&links[0], false);
    cr_assert_eq(of_user(), HEALTH_NOT_SERVING);
}

Test(readiness, a_short_break_is_not_told)
{
    readiness_link(&links[0], true);
    cr_assert_eq(now(), HEALTH_SERVING);
    struct fake_stream *f = health_call(&w, "Watch", "a");
    LOOP_UNTIL(w.loop, f->sent.n == 1);
    readiness_link(&links[0], false);
    readiness_link(&links[0], true);
    loop_turns(w.loop, 4);
    cr_assert(!timer_running(&r.patience));
    cr_assert_eq(f->sent.n, 1);
    fake_stream_close(f, STATUS_CANCELLED, "gone");
    LOOP_UNTIL(w.loop, f->closed);
    fake_stream_free(f);
}

/* --- The store ---------------------------------------------------------------------- */

Test(readiness, does_not_serve_without_the_store)
{
    readiness_link(&links[0], true);
    readiness_store(&r, false);
    cr_assert_eq(now(), HEALTH_NOT_SERVING);
    cr_assert_eq(of_user(), HEALTH_SERVING);
    readiness_store(&r, true);
    cr_assert_eq(now(), HEALTH_SERVING);
}

Test(readiness, needs_user_too_when_the_store_is_back)
{
    readiness_link(&links[0], true);
    readiness_store(&r, false);
    readiness_link(&links[0], false);
    wait_for(HEALTH_NOT_SERVING);
    LOOP_UNTIL(w.loop, !timer_running(&r.patience));
    readiness_store(&r, true);
    cr_assert_eq(now(), HEALTH_NOT_SERVING);
    readiness_link(&links[1], true);
    cr_assert_eq(now(), HEALTH_SERVING);
}
