/* A load of live data: many follow while posts are imported at a rate, and each arrival is
 * timed from when its import was due.
 *
 *   OPENING    until every follower has caught up, or is gone
 *   IMPORTING  until the time is over, or the count is reached
 *   SETTLING   until every follower has heard of every post that is stored, and a moment
 *              longer for what comes twice; or until nothing has come for long
 *   CLOSING    until all calls are over
 *
 * On the session's loop: a client of one thread. Its followers are stats.follow. */
#ifndef CLI_BENCH_FOLLOW_H
#define CLI_BENCH_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ring.h"
#include "bench_alarm.h"
#include "bench_followers.h"
#include "bench_ledger.h"
#include "bench_live.h"
#include "bench_pace.h"
#include "bench_plan.h"
#include "bench_request.h"
#include "bench_stats.h"

#define FOLLOW_IMPORTS_MAX 100 /* at once */

struct session;

enum bench_follow_state {
    BENCH_FOLLOW_OPENING,
    BENCH_FOLLOW_IMPORTING,
    BENCH_FOLLOW_SETTLING,
    BENCH_FOLLOW_CLOSING,
    BENCH_FOLLOW_OVER,
};

struct bench_follow;

/* One import at a time. */
struct bench_follow_import {
    struct bench_follow *run;
    struct ring idle;
    struct stream *stream; /* NULL: none */
    uint64_t call;         /* its number */
    uint64_t left;         /* posts still to be sent */
    bool stored;           /* the answer says that all are */
    bool cut;              /* by us */
};

struct bench_follow {
    /** All is over. `stats` has what was measured; if `measured` is not set it was stopped
     * before that. */
    void (*done)(struct bench_follow *run);
    struct stats stats; /* the caller's to read; bench_follow_close() frees it */
    bool measured;
    bool too_many_errors; /* that is why it was stopped */

    /* private */
    struct session *session;
    const struct bench_plan *plan;
    enum bench_follow_state state;
    struct requests requests;
    struct ledger ledger;
    struct bench_followers followers;
    struct channel *channel; /* of the imports */
    struct bench_follow_import imports[FOLLOW_IMPORTS_MAX];
    struct ring idle;
    size_t open;      /* imports */
    uint64_t most;    /* imports of the run */
    uint64_t *due_ns; /* of each */
    struct schedule schedule;
    struct bench_alarm alarm; /* the next import is due */
    uint64_t quiet_ns;        /* since then nothing has come, and no import has ended */
    uint64_t slowest_ns;
    bool stopping;
    struct timer end, look, tick;
    struct task finish;
    struct bench_live live;
};

/** Starts it. Returns 0, or an errno value: nothing runs, and done will not be called. From
 * then on @run must stay until the session's loop was freed. */
int bench_follow_start(struct bench_follow *run, struct session *s, const struct bench_plan *plan);

/** Ends it early; done is called as ever. */
void bench_follow_stop(struct bench_follow *run);

/** After the session's loop was freed, or if it never started; fine if zeroed. */
void bench_follow_close(struct bench_follow *run);

#endif
