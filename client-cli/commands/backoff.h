/* How long stream-list waits before it goes on with a listing that broke, and how often it
 * does at all. (Connections and single calls are tried again by the channel: weir/channel.h,
 * weir/service_config.h.) */
#ifndef CLI_BACKOFF_H
#define CLI_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    unsigned tries_max; /* since the last progress */
    unsigned tries;     /* private */
    uint64_t next_ms;   /* private */
    uint64_t random;    /* private */
};

/** @seed spreads clients that lost the same server. */
void backoff_init(struct backoff *b, unsigned tries_max, uint64_t seed);

/** It works: the next failure is a first one. */
void backoff_reset(struct backoff *b);

/** The longest that all tries together can wait, from a first failure on. */
uint64_t backoff_most_ms(const struct backoff *b);

/** A failure: *@ret_ms is the time to wait, from half of 100 ms to all of 2 s.
 * false: enough tries. */
bool backoff_next(struct backoff *b, uint64_t *ret_ms);

#endif
