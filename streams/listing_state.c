/* The states of a listing, and how its call ends. */
#include <assert.h>

#include "base/log.h"
#include "listing_internal.h"
#include "store_status.h"

static const char *const state_names[LISTING_NR] = { "WORK", "IDLE", "NAME", "STORE",
                                                     "ROOM", "TURN", "DONE" };

void listing_move(struct listing *l, enum listing_state next)
{
    assert(l->state != LISTING_DONE);
    if (l->state != next)
        log_debug("listing %p: %s -> %s", (void *)l, state_names[l->state], state_names[next]);
    l->state = next;
}

void listing_done(struct listing *l)
{
    listing_move(l, LISTING_DONE);
}

void listing_finish(struct listing *l, const struct status *status)
{
    if (l->state == LISTING_DONE)
        return;
    listing_move(l, LISTING_DONE);
    stream_finish(l->s, status);
}

void listing_fail_memory(struct listing *l)
{
    const struct status status = status_no_memory();
    listing_finish(l, &status);
}

void listing_fail_store(struct listing *l, const char *error)
{
    struct status status = status_of_store(l->env->reader, error);
    log_line(store_log_level(l->env->reader), "%s", error);
    listing_finish(l, &status);
}
