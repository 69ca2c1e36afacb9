#include "bench_run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/container.h"
#include "client-cli/frame/common.h"
#include "client-cli/frame/session.h"

#define TICK_MS 1000

/* What the loops tell each other must not get lost for want of memory, or the
 * run would never end: each word has its posting. */
struct bench_worker {
    struct bench_load load;
    struct bench_run *run;
    struct loop *loop;
    pthread_t thread;
    struct load_sample sample; /* the worker's until the last one was taken */
    struct posting begin, end, take_sample, stop;
};

static struct bench_worker *worker_of(struct bench_load *load)
{
    return container_of(load, struct bench_worker, load);
}

/* --- Threads ------------------------------------------------------------------------ */

static void *run_worker(void *arg)
{
    struct bench_worker *w = arg;
    loop_run(w->loop);
    return NULL;
}

static void on_worker_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void stop_workers(struct bench_run *run)
{
    for (size_t i = 0; i < run->nworkers; i++)
        loop_post_with(run->workers[i].loop, &run->workers[i].stop, on_worker_stop, NULL);
    for (size_t i = 0; i < run->nworkers; i++)
        pthread_join(run->workers[i].thread, NULL);
}

static void free_workers(struct bench_run *run)
{
    for (size_t i = 0; i < run->nworkers; i++) {
        load_close(&run->workers[i].load);
        loop_free(run->workers[i].loop);
    }
    free(run->workers);
    run->workers = NULL;
    run->nworkers = 0;
}

/* --- From run to run ---------------------------------------------------------------- */

static void finish(struct bench_run *run)
{
    timer_stop(&run->tick);
    silence_end(run->session);
    bench_live_hide(&run->live);
    stop_workers(run);
    run->measured = !run->warming;
    for (size_t i = 0; i < run->nworkers; i++) {
        struct stats *stats = &run->workers[i].load.stats;
        if (stats->latency.counts != NULL)
            stats_merge(&run->stats, stats);
        else
            run->measured = false; /* out of memory: it never began */
    }
    free_workers(run);
    run->done(run);
}

static void on_worker_begin(struct loop *loop, void *arg)
{
    struct bench_worker *w = arg;
    (void)loop;
    load_begin(&w->load, &w->run->now);
}

static int begin(struct bench_run *run, uint64_t duration_ms, int64_t count)
{
    run->now = (struct load_run){ now_ns(), duration_ms, count };
    run->busy = run->nworkers;
    stats_close(&run->stats);
    int rv = stats_init(&run->stats, run->now.origin_ns);
    if (rv != 0)
        return rv;
    bench_live_begin(&run->live, run->warming, run->now.origin_ns);
    for (size_t i = 0; i < run->nworkers; i++) {
        struct bench_worker *w = &run->workers[i];
        loop_post_with(w->loop, &w->begin, on_worker_begin, w);
    }
    return 0;
}

static void on_drained(struct loop *loop, void *arg)
{
    struct bench_run *run = arg;
    (void)loop;
    if (run->warming && !run->stopping) {
        run->warming = false;
        if (begin(run, run->plan->duration_ms, run->plan->count) == 0)
            return;
        run->warming = true; /* nothing was measured */
    }
    finish(run);
}

/* On the worker's thread. */
static void load_drained(struct bench_load *load)
{
    struct bench_run *run = worker_of(load)->run;
    if (atomic_fetch_sub(&run->busy, 1) == 1)
        loop_post_with(run->session->loop, &run->drained, on_drained, run);
}

/* --- Every second: the live line, who does not answer, and whether to go on ---------- */

/* Until the first call has ended. Only a server that does not serve is told of. */
static void await(struct bench_run *run)
{
    struct session *s = run->session;
    const bool user = run->plan->shape == BENCH_RESOLVE;
    const struct silence_of of = {
        .channel = user ? s->user : s->post,
        .name = user ? "User" : "Post",
        .target = user ? run->plan->user_target : run->plan->target,
        .needs_user = !user && !plan_imports(run->plan),
    };
    silence_begin(s, &of);
}

static void on_sample(struct loop *loop, void *arg)
{
    struct bench_run *run = arg;
    struct load_sample sum = { 0 };
    (void)loop;
    run->sampling = false;
    if (atomic_load(&run->busy) == 0)
        return;
    for (size_t i = 0; i < run->nworkers; i++)
        load_sample_add(&sum, &run->workers[i].sample);
    if (sum.calls + sum.messages == 0)
        await(run);
    else
        silence_over(run->session);
    if (run->session->options->progress)
        bench_live_show(&run->live, &sum);
    if (!run->stopping && error_limit_passed(&run->plan->errors, sum.bad, sum.calls)) {
        run->too_many_errors = true;
        bench_run_stop(run);
    }
}

static void on_worker_sample(struct loop *loop, void *arg)
{
    struct bench_worker *w = arg;
    (void)loop;
    w->sample = load_sample(&w->load);
    if (atomic_fetch_sub(&w->run->asked, 1) == 1)
        loop_post_with(w->run->session->loop, &w->run->sampled, on_sample, w->run);
}

static void on_tick(struct timer *t)
{
    struct bench_run *run = container_of(t, struct bench_run, tick);
    timer_start(run->session->loop, &run->tick, TICK_MS);
    if (run->sampling)
        return;
    run->sampling = true;
    run->asked = run->nworkers;
    for (size_t i = 0; i < run->nworkers; i++) {
        struct bench_worker *w = &run->workers[i];
        loop_post_with(w->loop, &w->take_sample, on_worker_sample, w);
    }
}

/* --- Life --------------------------------------------------------------------------- */

static int start_worker(struct bench_run *run, unsigned number)
{
    struct bench_worker *w = &run->workers[number];
    w->run = run;
    int rv = loop_new(&w->loop, LOOP_IN_CORE);
    if (rv != 0)
        return rv;
    rv =
        load_init(&w->load, w->loop, run->plan, &run->requests, number, (unsigned)run->plan->loops);
    if (rv != 0)
        goto err_after_loop;
    w->load.drained = load_drained;
    rv = pthread_create(&w->thread, NULL, run_worker, w);
    if (rv != 0)
        goto err_after_load;
    run->nworkers++;
    return 0;

err_after_load:
    load_close(&w->load);
err_after_loop:
    loop_free(w->loop);
    return rv;
}

int bench_run_start(struct bench_run *run, struct session *s, const struct bench_plan *plan)
{
    run->session = s;
    run->plan = plan;
    run->warming = plan->warmup_ms > 0;
    run->tick.fired = on_tick;
    bench_live_init(&run->live, plan_kind(plan)->unit);
    int rv = requests_init(&run->requests, plan);
    if (rv != 0)
        return rv;
    run->workers = calloc((size_t)plan->loops, sizeof *run->workers);
    if (run->workers == NULL)
        return ENOMEM;
    for (unsigned i = 0; i < (unsigned)plan->loops && rv == 0; i++)
        rv = start_worker(run, i);
    if (rv == 0 && run->warming)
        rv = begin(run, plan->warmup_ms, 0);
    else if (rv == 0)
        rv = begin(run, plan->duration_ms, plan->count);
    if (rv == 0)
        timer_start(s->loop, &run->tick, TICK_MS);
    if (rv != 0) {
        stop_workers(run);
        free_workers(run);
    }
    return rv;
}

static void on_worker_end(struct loop *loop, void *arg)
{
    struct bench_worker *w = arg;
    (void)loop;
    load_stop(&w->load);
}

void bench_run_stop(struct bench_run *run)
{
    if (run->stopping)
        return;
    run->stopping = true;
    for (size_t i = 0; i < run->nworkers; i++) {
        struct bench_worker *w = &run->workers[i];
        loop_post_with(w->loop, &w->end, on_worker_end, w);
    }
}

void bench_run_close(struct bench_run *run)
{
    requests_close(&run->requests);
    stats_close(&run->stats);
}
