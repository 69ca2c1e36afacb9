/* What a load measured: on one loop while it runs, of all loops when merged.
 * Of constant size, however long it runs. */
#ifndef CLI_BENCH_STATS_H
#define CLI_BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_hist.h"
#include "bench_series.h"
#include "weir/status.h"

#define STATS_CODES 17

struct stats_codes {
    uint64_t count[STATS_CODES];
    char *first[STATS_CODES]; /* the first message with this code; NULL: none, or it was empty */
};

/* Of a follow. */
struct stats_follow {
    uint64_t followers;
    uint64_t missed;  /* posts that are stored, and that a follower was not told of */
    uint64_t doubled; /* told of again */
    uint64_t breaks;  /* after which one went on */
};

struct stats {
    uint64_t start_ns, end_ns; /* the first call was due; the last one ended */
    uint64_t begun;            /* calls */
    uint64_t flawed;           /* of those, OK themselves, but a request in them failed */
    uint64_t cut;              /* of those, cancelled by us at the end of the run */
    uint64_t cut_oldest_ns;    /* how long the oldest of them had taken */
    uint64_t unstarted;        /* calls that were due and found no free stream to the end */
    uint64_t posts;            /* or names */
    uint64_t messages, bytes;  /* responses; import: requests. Without gRPC's 5 bytes each */
    struct stats_codes calls;  /* those that ended, by status */
    struct stats_codes errors; /* requests that failed in calls that went on */

    /* Nanoseconds, from when the call was due. */
    struct hist latency; /* to its end, if that was OK; follow: to a follower that is told */
    struct hist failed;  /* to its end, if not */
    struct hist first;   /* to its first message with a post; follow: to its end, if OK */
    struct hist late;    /* to when it was really started */
    struct hist gap;     /* between two messages of a stream */
    struct series series;
    struct stats_follow follow; /* not merged: it has one loop */
};

/** Returns 0, or ENOMEM with nothing left to close. */
int stats_init(struct stats *s, uint64_t origin_ns);
void stats_close(struct stats *s); /* fine if zeroed */

/** Adds all of @from, which has the same origin and is used up: close it. */
void stats_merge(struct stats *s, struct stats *from);

/** Counts @n of @code; @message (of @len) is kept if it is the first. */
void stats_code(struct stats_codes *c, int code, const char *message, size_t len, uint64_t n);

uint64_t stats_ended(const struct stats *s);  /* calls */
uint64_t stats_failed(const struct stats *s); /* of those, not OK */

/** Calls that had an error: they failed, or a request in them did. */
uint64_t stats_bad(const struct stats *s);

/** There was at least one call, and all were OK, and every request in them too; or no more of
 * them had an error than @part of all, if that is not 0. Of a follow nothing was missed, and
 * nothing told twice. */
bool stats_ok(const struct stats *s, double part);

/** How long it took; never 0. */
double stats_seconds(const struct stats *s);

#endif
