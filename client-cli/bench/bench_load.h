/* The calls of a load on one loop.
 *
 * A load has a number of *slots*, each for one call at a time: its streams,
 * spread over its connections. A *run* starts calls in them, a warm-up first
 * and then the one that is measured:
 *
 *   IDLE -load_begin-> STARTING -time or count is over-> DRAINING -no call open-> IDLE
 *
 * Closed loop: a slot whose call ended starts the next. Open loop: calls are
 * due by a schedule that nothing changes; one that finds no idle slot waits for
 * it, and its time counts from when it was due. So memory is bounded, and yet a
 * server that stalls is charged for every call that it delays.
 *
 * When the time is over, calls that are open get GRACE to end and are cut then:
 * those of endless or slow streams. Those of a run by count are awaited.
 *
 * Everything here is for the loop's thread, but where it says otherwise. */
#ifndef CLI_BENCH_LOAD_H
#define CLI_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "bench_alarm.h"
#include "bench_plan.h"
#include "bench_request.h"
#include "bench_stats.h"
#include "weir/loop.h"

#define LOAD_GRACE_MS 1000

struct channel;
struct slot;

struct load_run {
    uint64_t origin_ns;   /* now_ns(): the first call is due; the same for all loops */
    uint64_t duration_ms; /* 0: by count alone */
    int64_t count;        /* calls of all loops; 0: by time alone */
};

/* For the live line: what there is so far. */
struct load_sample {
    uint64_t at_ns;
    uint64_t calls, failed, posts, messages, bytes;
    uint64_t bad;        /* calls with an error: stats_bad() */
    uint64_t slowest_ns; /* of the calls that ended since the last sample, or are open */
    uint64_t open;       /* calls */
};

enum load_state { LOAD_IDLE, LOAD_STARTING, LOAD_DRAINING };

struct bench_load {
    /** The run that was begun is over. */
    void (*drained)(struct bench_load *load);
    void *data;         /* the caller's */
    struct stats stats; /* of the run; the caller's to read once it is over */

    /* private */
    struct loop *loop;
    const struct bench_plan *plan;
    const struct requests *requests;
    unsigned number, loops; /* this one, of so many */
    struct channel **channels;
    size_t nchannels;
    struct slot *slots;
    size_t nslots;
    struct ring idle; /* the one that waits longest first */
    size_t open;
    enum load_state state;
    struct schedule schedule;
    uint64_t most;     /* calls of this run, here */
    uint64_t finished; /* calls of earlier runs, here */
    uint64_t slowest_ns;
    struct timer end; /* of the run, then of the grace */
    bool in_grace;
    struct bench_alarm alarm; /* when the next call is due; not open: closed loop */
};

/** Nanoseconds of the monotonic clock. Any thread. */
uint64_t now_ns(void);

/** Makes load @number of @loops, which has its share of the plan's connections
 * and will run on @loop, which does not run yet. Returns 0, or an errno value
 * with nothing left to close. */
int load_init(struct bench_load *load, struct loop *loop, const struct bench_plan *plan,
              const struct requests *requests, unsigned number, unsigned loops);

/** When it is IDLE and the loop does not run any more; loop_free() after it. */
void load_close(struct bench_load *load);

/** Starts a run. load->stats is new. */
void load_begin(struct bench_load *load, const struct load_run *run);

/** No more calls in this run; those that are open are cut. */
void load_stop(struct bench_load *load);

struct load_sample load_sample(struct bench_load *load);

#endif
