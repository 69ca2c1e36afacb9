/* What /healthz and /readyz answer, and when. */
#include <criterion/criterion.h>

#include "lib/health_world.h"
#include "lib/leaks.h"
#include "serverkit/daemon/probes.h"

#define NOW_MS UINT64_C(1000000)

static struct health_world w;
static struct probes p;
static char why[128];

/* The first two services are its own, and they need the third. */
static void init(void)
{
    health_world_open(&w);
    p = (struct probes){
        .health = w.health,
        .services = health_world_services,
        .nservices = 2,
        .needs = health_world_services + 2,
        .nneeds = 1,
    };
    cr_assert_eq(probes_init(&p, &w.loop, 1), 0);
}

static void fini(void)
{
    health_world_close(&w);
    probes_close(&p);
}

TestSuite(probes, .init = init, .fini = fini);

static const char *alive(uint64_t now_ms)
{
    return probes_alive(&p, now_ms, why, sizeof why);
}

static const char *ready(void)
{
    return probes_ready(&p, why, sizeof why);
}

Test(probes, a_loop_that_does_not_turn_is_noticed)
{
    probes_serving(&p);
    cr_expect_null(alive(NOW_MS), "this asks for the first time");
    cr_expect_null(alive(NOW_MS + PROBES_PATIENCE_MS));
    cr_expect_str_eq(alive(NOW_MS + PROBES_PATIENCE_MS + 1),
                     "loop 0 has given no sign of life for 10 s");
    cr_expect_str_eq(alive(NOW_MS + 61000), "loop 0 has given no sign of life for 61 s");
    loop_turns(w.loop, 2);
    cr_expect_null(alive(NOW_MS + 62000), "it turns again; this asks again");
    cr_expect_null(alive(NOW_MS + 72000));
    cr_expect_not_null(alive(NOW_MS + 72001), "its patience began with that question");
    loop_turns(w.loop, 2);
}

Test(probes, probes_that_are_far_apart_charge_nobody)
{
    probes_serving(&p);
    for (uint64_t at_ms = NOW_MS; at_ms < NOW_MS + 600000; at_ms += 60000) {
        cr_expect_null(alive(at_ms));
        loop_turns(w.loop, 2);
    }
}

Test(probes, nothing_is_expected_of_loops_before_it_serves)
{
    cr_expect_null(alive(NOW_MS));
    cr_expect_null(alive(NOW_MS + 100000));
    cr_expect_str_eq(ready(), "the server is starting");
    probes_serving(&p);
    cr_expect_null(ready());
}

Test(probes, ready_is_what_health_says)
{
    probes_serving(&p);
    health_set(w.health, "other", HEALTH_NOT_SERVING);
    cr_expect_null(ready(), "its own services can do without, for now");
    health_set(w.health, "b", HEALTH_NOT_SERVING);
    cr_expect_str_eq(ready(), "b is NOT_SERVING: it needs other, which is NOT_SERVING");
    health_set(w.health, "other", HEALTH_SERVING);
    cr_expect_str_eq(ready(), "b is NOT_SERVING");
    health_set(w.health, "a", HEALTH_UNKNOWN);
    cr_expect_str_eq(ready(), "a is UNKNOWN");
    health_set(w.health, "a", HEALTH_SERVING);
    health_set(w.health, "b", HEALTH_SERVING);
    cr_expect_null(ready());
    health_stop(w.health);
    cr_expect_str_eq(ready(), "the server is stopping");
}
