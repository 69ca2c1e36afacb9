/* A whole load test: loads on loops of their own, each on its thread, and what
 * conducts them from the session's loop, which does nothing else:
 *
 *   warm-up, on all loads -all drained-> the measured run -all drained-> done
 *
 * What a load measured is read here only after its thread has ended. */
#ifndef CLI_BENCH_RUN_H
#define CLI_BENCH_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "bench_live.h"
#include "bench_load.h"
#include "bench_plan.h"
#include "bench_stats.h"
#include "weir/loop.h"

struct session;
struct bench_worker;

struct bench_run {
    /** All is over, the threads too. `stats` has what was measured; if
     * `measured` is not set it was stopped before that. */
    void (*done)(struct bench_run *run);
    struct stats stats; /* the caller's to read; bench_run_close() frees it */
    bool measured;
    bool too_many_errors; /* that is why it was stopped */

    /* private */
    struct session *session;
    const struct bench_plan *plan;
    struct requests requests;
    struct bench_worker *workers;
    size_t nworkers;     /* whose threads run */
    atomic_size_t busy;  /* of them, in a run; the last one posts `drained` */
    atomic_size_t asked; /* of them, without their sample yet; the last one posts `sampled` */
    struct posting drained, sampled;
    bool sampling; /* `sampled` is still to come */
    bool warming, stopping;
    struct load_run now;
    struct timer tick;
    struct bench_live live;
};

/** Starts the threads, and the load. Returns 0, or an errno value: nothing
 * runs, and done will not be called. From then on @run must stay until the
 * session's loop was freed. */
int bench_run_start(struct bench_run *run, struct session *s, const struct bench_plan *plan);

/** Ends it early; done is called as ever. */
void bench_run_stop(struct bench_run *run);

/** After done, or if it never started; fine if zeroed. */
void bench_run_close(struct bench_run *run);

#endif
