/* Limits how much one caller, and all callers together, may ask for: calls at once,
 * and calls in a second. A call beyond that ends with RESOURCE_EXHAUSTED and the time
 * after which to try again. Health is never limited, because whoever asks how we are
 * must not hear that we are busy.
 *
 * A caller is its identity. Without a token it is the address that it comes from
 * (caller.h), so one process cannot take the share of others by opening more
 * connections. Everything that comes through one proxy is one caller.
 *
 * All loops share the counts, without a lock. A caller has a place in a table, which
 * is found by its hash. A place that is idle goes to the next caller. When too many
 * callers are active at once, new ones share a place with another. */
#ifndef INTERCEPT_LIMITS_H
#define INTERCEPT_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/options.h"
#include "weir/interceptor.h"
#include "weir/status.h"

struct limits_options { /* 0: no limit */
    int64_t max_calls;
    int64_t max_calls_per_caller;
    int64_t rate_per_caller; /* calls a second; so many at once after a pause */
    int64_t bad_token_rate;  /* the same of calls whose token is not good, of an address */
};

/** What the group sets. */
extern struct limits_options limits_options;
extern const struct option_group limits_group;

#define LIMITS_PLACES 4096

struct limits {
    struct limits_options max;
    uint64_t seed;
    _Atomic uint64_t calls;
    struct limits_place {
        _Atomic uint64_t owner; /* hash of the caller, and its calls at once */
        _Atomic uint64_t paid;  /* until when its rate is used up, in ns */
    } places[LIMITS_PLACES];
};

/** Before the loops run. */
void limits_init(struct limits *l, const struct limits_options *options);

/** Whether there is any. */
bool limits_any(const struct limits_options *options);

#define LIMITS_NO_PLACE UINT32_MAX

/** @caller begins a call at @now_ns. true: it may, and ends it by limits_leave()
 * with *ret_place. false: *why says what is too much. Any thread. */
bool limits_enter(struct limits *l, struct bytes caller, uint64_t now_ns, uint32_t *ret_place,
                  struct status *why);
void limits_leave(struct limits *l, uint32_t place);

/** For a rate of what shows only later, of which there is rate_per_caller:
 * whether @caller has spent it, and then for how long; and one more of it. Any
 * thread. */
bool limits_spent(struct limits *l, struct bytes caller, uint64_t now_ns, uint32_t *ret_wait_ms);
void limits_spend(struct limits *l, struct bytes caller, uint64_t now_ns);

/** A server's, with struct limits as arg; inside of what finds out who calls. */
extern const struct interceptor limits_interceptor;

#endif
