#include "outage.h"

#include <limits.h>
#include <unistd.h>

#include "backoff.h"
#include "client-cli/frame/session.h"

/* For the answer to the last try. */
#define GRACE_MS 2000

static struct session *session;
static struct backoff backoff;
static struct timer give_up; /* runs in an outage */
static struct status cause;  /* of its last failed call */
static bool served, given_up;

static void on_give_up(struct timer *t)
{
    (void)t;
    given_up = true;
    if (session->call != NULL)
        stream_finish(session->call, &cause);
}

static uint64_t most_ms(void)
{
    return backoff_most_ms(&backoff) + GRACE_MS;
}

void outage_init(struct session *s, unsigned tries)
{
    session = s;
    backoff_init(&backoff, tries, (uint64_t)getpid() << 20 ^ loop_now_ms(s->loop));
    give_up.fired = on_give_up;
    s->silence.tries_ms = tries > 0 ? most_ms() : 0;
}

void outage_over(struct session *s, bool for_ever)
{
    served = true;
    if (for_ever) {
        backoff.tries_max = UINT_MAX;
        s->silence.tries_ms = UINT64_MAX;
    }
    timer_stop(&give_up);
    backoff_reset(&backoff);
}

bool outage_next(struct session *s, const struct status *why, uint64_t *ret_wait_ms)
{
    if (given_up || (why->waited && !served) || !backoff_next(&backoff, ret_wait_ms))
        return false;
    cause = *why;
    if (backoff.tries_max == UINT_MAX) {
        silence_failed(s, why, UINT64_MAX);
        return true;
    }
    if (!timer_running(&give_up))
        timer_start(s->loop, &give_up, most_ms());
    silence_failed(s, why, give_up.due_ms);
    return loop_now_ms(s->loop) + *ret_wait_ms <= give_up.due_ms;
}
