/* A load test's loops and the one that conducts them, without a server: calls
 * that fail are calls. */
#include <criterion/criterion.h>

#include "base/container.h"
#include "client-cli/bench/bench_run.h"
#include "client-cli/frame/common.h"
#include "client-cli/frame/session.h"
#include "lib/heap.h"
#include "lib/leaks.h"

#define PATIENCE_MS 10000

static struct loop *g_loop;
static bool g_done;

static void on_done(struct bench_run *run)
{
    (void)run;
    g_done = true;
    loop_stop(g_loop);
}

static void on_patience(struct timer *timer)
{
    (void)timer;
    cr_assert_fail("the run does not end");
}

/* So many calls to nobody on two loops, after a warm-up. */
static void run_to_the_end(struct bench_run *run, int64_t count, void (*begun)(struct bench_run *))
{
    const struct common common = { .progress = true };
    struct bench_plan plan = { .shape = BENCH_UNARY,
                               .target = "127.0.0.1:1",
                               .connections = 2,
                               .loops = 2,
                               .warmup_ms = 1,
                               .count = count,
                               .tag = "",
                               .slow_text = "" };
    struct timer patience = { .fired = on_patience };
    struct session session = { .options = &common };
    cr_assert_null(plan_check(&plan));
    cr_assert_eq(loop_new(&g_loop, LOOP_IN_CORE), 0);
    session.loop = g_loop;
    *run = (struct bench_run){ .done = on_done };
    g_done = false;
    cr_assert_eq(bench_run_start(run, &session, &plan), 0);
    timer_start(g_loop, &patience, PATIENCE_MS);
    begun(run);
    loop_run(g_loop);
    timer_stop(&patience);
    loop_free(g_loop);
    cr_assert(g_done);
}

/* What loop_post() would take: the loops must hear of each other nevertheless. */
static void without_memory_for_posts(struct bench_run *run)
{
    (void)run;
    heap_fail_size(sizeof(struct posting));
}

static void stop_without_memory(struct bench_run *run)
{
    heap_fail_size(sizeof(struct posting));
    bench_run_stop(run);
}

Test(bench_run, ends_without_memory_for_posts)
{
    struct bench_run run;
    run_to_the_end(&run, 6, without_memory_for_posts);
    cr_assert(run.measured);
    cr_assert_eq(stats_ended(&run.stats), 6);
    bench_run_close(&run);
    assert_no_leaks();
}

Test(bench_run, is_stopped_without_memory_for_posts)
{
    struct bench_run run;
    run_to_the_end(&run, INT64_C(1000000000), stop_without_memory);
    bench_run_close(&run);
    assert_no_leaks();
}
