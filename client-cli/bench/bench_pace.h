/* When things are due: the calls of an open loop, and the reads of a slow
 * reader. Nothing but arithmetic; times are nanoseconds of one clock. */
#ifndef CLI_BENCH_PACE_H
#define CLI_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* --- Calls at a fixed rate ---------------------------------------------------------- */

/* The calls of one loop of several: every `loops`th of all, from number `loop`
 * on, so that together they are evenly spread. */
struct schedule {
    uint64_t origin_ns;
    double rate; /* calls a second, of all loops */
    unsigned loop, loops;
};

/** When this loop's call number @k (from 0) is due. It depends on nothing that
 * happens: that is the point. */
uint64_t schedule_due(const struct schedule *s, uint64_t k);

/** How many of this loop's calls are due before @until_ns. */
uint64_t schedule_count(const struct schedule *s, uint64_t until_ns);

/* --- Reads at a bounded rate -------------------------------------------------------- */

struct pace {
    double per_second; /* 0: no bound */
    bool bytes;        /* of bytes, else of messages */
};

/** "100": messages a second; "64KiB", "1MB", "500B": bytes a second. Without a
 * fraction; not 0. false: it is neither. */
bool pace_parse(const char *text, struct pace *ret);

/** A message of @bytes was read at @now_ns, when *@due_ns (0 at first) was the
 * time for it; makes that the time for the next. A reader that was late catches
 * up by at most 10 ms, so that timers that fire late do not slow it down. */
void pace_next(const struct pace *p, uint64_t *due_ns, uint64_t now_ns, uint64_t bytes);

#endif
