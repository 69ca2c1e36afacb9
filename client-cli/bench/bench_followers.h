/* The followers of a load: streams that follow, on connections of their own.
 *
 *   OPENING -caught up-> FOLLOWING -UNAVAILABLE-> AWAY -a moment later-> FOLLOWING
 *
 * and from each of these to GONE: by any other end, and by one before it had caught up.
 * One that comes back goes on with its last token.
 *
 * Everything here is for the loop's thread. */
#ifndef CLI_BENCH_FOLLOWERS_H
#define CLI_BENCH_FOLLOWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_ledger.h"
#include "bench_plan.h"
#include "bench_stats.h"
#include "weir/loop.h"

struct bench_follower;
struct channel;

struct bench_followers {
    /** One more has caught up, or is gone. */
    void (*changed)(struct bench_followers *all);
    /** A follower was told of post @number for the first time, at @now_ns. */
    void (*told)(struct bench_followers *all, uint64_t number, uint64_t now_ns);

    const struct bench_plan *plan;
    struct loop *loop;
    struct ledger *ledger;
    struct stats *stats;

    size_t n;        /* read-only: of them */
    size_t opening;  /* read-only: not caught up yet, and not gone */
    size_t open;     /* read-only: not gone */
    uint64_t breaks; /* read-only: how often one went on after a break */

    /* private */
    struct channel **channels;
    size_t nchannels;
    struct bench_follower *each;
    bool closing;
};

/** Opens them all; what is above is set. Returns 0, or ENOMEM with nothing left to close. */
int followers_open(struct bench_followers *all);

/** Cuts those that are there; each is gone then, later. */
void followers_cut(struct bench_followers *all);

/** When all are gone; fine if zeroed. */
void followers_close(struct bench_followers *all);

#endif
