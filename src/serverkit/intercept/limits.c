#include "limits.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/clock.h"
#include "caller.h"
#include "weir/identity.h"
#include "weir/stream.h"

struct limits_options limits_options = { .bad_token_rate = 20 };

static const struct option_row rows[] = {
    OPT_INT("max-calls", limits_options.max_calls,
            "how many calls there may be at once, of all callers; 0: no limit", .max = INT32_MAX),
    OPT_INT("max-calls-per-caller", limits_options.max_calls_per_caller,
            "how many calls one caller may have at once; a caller is an identity, or else an "
            "address; 0: no limit",
            .max = 1 << 20),
    OPT_INT("rate-per-caller", limits_options.rate_per_caller,
            "how many calls a caller may begin in a second; 0: no limit", .max = 1000000),
    OPT_INT("bad-token-rate", limits_options.bad_token_rate,
            "how many calls with a bad token may come from one address in a second; beyond that, "
            "only tokens that are known to be good pass; 0: no limit",
            .max = 1000000),
};

const struct option_group limits_group = { "Limits", rows, sizeof rows / sizeof rows[0] };

#define SECOND_NS 1000000000

/* A place's owner: the upper bits are the caller's, the lower ones a count. */
#define COUNT_BITS 24
#define COUNT_MASK (((uint64_t)1 << COUNT_BITS) - 1)
#define PROBES     16

bool limits_any(const struct limits_options *o)
{
    return o->max_calls > 0 || o->max_calls_per_caller > 0 || o->rate_per_caller > 0;
}

void limits_init(struct limits *l, const struct limits_options *options)
{
    memset(l, 0, sizeof *l);
    l->max = *options;
    if (getrandom(&l->seed, sizeof l->seed, GRND_NONBLOCK) != sizeof l->seed)
        l->seed = clock_ns();
}

/* --- Calls at once ------------------------------------------------------------------ */

/* A place without calls, whose rate has recovered, is as good as a new one. */
static bool is_idle(const struct limits_place *p, uint64_t owner, uint64_t now_ns)
{
    return (owner & COUNT_MASK) == 0 &&
           atomic_load_explicit(&p->paid, memory_order_relaxed) <= now_ns;
}

enum taken { TAKEN, FULL, OF_ANOTHER };

/* Counts one call of the caller with this @hash, if the place is its own or can
 * become so; or, if it is to be @shared, whosever it is. */
static enum taken take(struct limits_place *p, uint64_t hash, uint64_t now_ns, uint64_t max,
                       bool shared)
{
    uint64_t owner = atomic_load_explicit(&p->owner, memory_order_relaxed);
    for (;;) {
        uint64_t next = owner + 1;
        if ((owner & ~COUNT_MASK) != hash && !shared) {
            if (!is_idle(p, owner, now_ns))
                return OF_ANOTHER;
            next = hash | 1;
        } else if ((owner & COUNT_MASK) >= max) {
            return FULL;
        }
        if (atomic_compare_exchange_weak_explicit(&p->owner, &owner, next, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return TAKEN;
    }
}

static struct limits_place *place_at(struct limits *l, uint64_t at)
{
    return &l->places[at % LIMITS_PLACES];
}

/* Its own place comes before an idle one, so that a caller never has two. */
static struct limits_place *find(struct limits *l, uint64_t hash, uint64_t now_ns)
{
    const uint64_t home = hash >> COUNT_BITS;
    struct limits_place *idle = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct limits_place *p = place_at(l, home + i);
        const uint64_t owner = atomic_load_explicit(&p->owner, memory_order_relaxed);
        if ((owner & ~COUNT_MASK) == hash)
            return p;
        if (idle == NULL && is_idle(p, owner, now_ns))
            idle = p;
    }
    return idle;
}

static enum taken take_place(struct limits *l, uint64_t hash, uint64_t now_ns,
                             struct limits_place **ret)
{
    const uint64_t max =
        l->max.max_calls_per_caller > 0 ? (uint64_t)l->max.max_calls_per_caller : COUNT_MASK;
    for (int tries = 0; tries < PROBES; tries++) {
        *ret = find(l, hash, now_ns);
        if (*ret == NULL)
            break;
        const enum taken taken = take(*ret, hash, now_ns, max, false);
        if (taken != OF_ANOTHER)
            return taken;
    }
    *ret = place_at(l, hash >> COUNT_BITS);
    return take(*ret, hash, now_ns, max, true);
}

/* --- Calls a second ----------------------------------------------------------------- */

/* A token bucket as one number: each call pays for 1/rate of a second, from now
 * or from where the calls before have paid to, and may be a second ahead.
 * Returns 0, or in how many ns there is a call to be had. */
static uint64_t pay(struct limits_place *p, uint64_t now_ns, int64_t rate)
{
    const uint64_t price = SECOND_NS / (uint64_t)rate;
    uint64_t paid = atomic_load_explicit(&p->paid, memory_order_relaxed);
    for (;;) {
        const uint64_t next = (paid > now_ns ? paid : now_ns) + price;
        if (next > now_ns + SECOND_NS)
            return next - SECOND_NS - now_ns;
        if (atomic_compare_exchange_weak_explicit(&p->paid, &paid, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return 0;
    }
}

/* --- Both --------------------------------------------------------------------------- */

static uint32_t to_ms(uint64_t ns)
{
    return (uint32_t)((ns + 999999) / 1000000);
}

static struct status too_much(const char *reason, uint64_t retry_after_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct status too_much(const char *reason, uint64_t retry_after_ns, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct status s = status_with(STATUS_RESOURCE_EXHAUSTED, format, args);
    va_end(args);
    s.retry_after_ms = to_ms(retry_after_ns);
    return *status_because(&s, reason);
}

static uint64_t hash_of(const struct limits *l, struct bytes caller)
{
    return XXH3_64bits_withSeed(caller.data, caller.len, l->seed) & ~COUNT_MASK;
}

static bool enter_place(struct limits *l, struct bytes caller, uint64_t now_ns, uint32_t *ret_place,
                        struct status *why)
{
    struct limits_place *p;
    const uint64_t hash = hash_of(l, caller);
    if (take_place(l, hash, now_ns, &p) == FULL) {
        *why = too_much("TOO_MANY_CALLS_OF_CALLER", SECOND_NS,
                        "too many calls at once of %.*s: one caller may have %" PRId64,
                        (int)caller.len, (const char *)caller.data, l->max.max_calls_per_caller);
        return false;
    }
    *ret_place = (uint32_t)(p - l->places);
    if (l->max.rate_per_caller == 0)
        return true;
    const uint64_t wait_ns = pay(p, now_ns, l->max.rate_per_caller);
    if (wait_ns == 0)
        return true;
    atomic_fetch_sub_explicit(&p->owner, 1, memory_order_release);
    *why = too_much("CALL_RATE_OF_CALLER", wait_ns,
                    "too many calls a second of %.*s: one caller may begin %" PRId64,
                    (int)caller.len, (const char *)caller.data, l->max.rate_per_caller);
    return false;
}

/* Without a limit nothing is counted: loops would take turns at the count. */
static void leave_all(struct limits *l)
{
    if (l->max.max_calls > 0)
        atomic_fetch_sub_explicit(&l->calls, 1, memory_order_relaxed);
}

static bool enter_all(struct limits *l, struct status *why)
{
    if (l->max.max_calls == 0)
        return true;
    if (atomic_fetch_add_explicit(&l->calls, 1, memory_order_relaxed) < (uint64_t)l->max.max_calls)
        return true;
    leave_all(l);
    *why = too_much("TOO_MANY_CALLS", SECOND_NS,
                    "too many calls at once: the server takes %" PRId64, l->max.max_calls);
    return false;
}

bool limits_enter(struct limits *l, struct bytes caller, uint64_t now_ns, uint32_t *ret_place,
                  struct status *why)
{
    *ret_place = LIMITS_NO_PLACE;
    if (!enter_all(l, why))
        return false;
    if (l->max.max_calls_per_caller == 0 && l->max.rate_per_caller == 0)
        return true;
    if (enter_place(l, caller, now_ns, ret_place, why))
        return true;
    leave_all(l);
    return false;
}

void limits_leave(struct limits *l, uint32_t place)
{
    leave_all(l);
    if (place != LIMITS_NO_PLACE)
        atomic_fetch_sub_explicit(&l->places[place].owner, 1, memory_order_release);
}

/* --- A rate of what turns out later ------------------------------------------------- */

bool limits_spent(struct limits *l, struct bytes caller, uint64_t now_ns, uint32_t *ret_wait_ms)
{
    const uint64_t hash = hash_of(l, caller), price = SECOND_NS / (uint64_t)l->max.rate_per_caller;
    const struct limits_place *p = find(l, hash, now_ns);
    if (p == NULL || (atomic_load_explicit(&p->owner, memory_order_relaxed) & ~COUNT_MASK) != hash)
        return false;
    const uint64_t next = atomic_load_explicit(&p->paid, memory_order_relaxed) + price;
    if (next <= now_ns + SECOND_NS)
        return false;
    *ret_wait_ms = to_ms(next - SECOND_NS - now_ns);
    return true;
}

void limits_spend(struct limits *l, struct bytes caller, uint64_t now_ns)
{
    uint32_t place;
    struct status why;
    if (limits_enter(l, caller, now_ns, &place, &why))
        limits_leave(l, place);
}

/* --- The interceptor ---------------------------------------------------------------- */

#define HEALTH "/grpc.health."

struct entered {
    bool counted;
    uint32_t place;
};

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    struct limits *l = i->arg;
    struct entered *e = i->state;
    char address[CALLER_MAX];
    if (strncmp(i->stream->path, HEALTH, sizeof HEALTH - 1) == 0)
        return INTERCEPT_PASS;
    e->counted = limits_enter(l, caller_of(i->stream, address), clock_ns(), &e->place, why);
    return e->counted ? INTERCEPT_PASS : INTERCEPT_REJECT;
}

static void on_close(const struct intercepted *i, const struct status *status)
{
    const struct entered *e = i->state;
    (void)status;
    if (e->counted)
        limits_leave(i->arg, e->place);
}

const struct interceptor limits_interceptor = {
    .name = "limits",
    .state_bytes = sizeof(struct entered),
    .on_call = on_call,
    .on_close = on_close,
};
