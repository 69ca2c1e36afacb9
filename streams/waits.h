/* Who waits for names: listings and GetPost. All wait equally long, so by deadline they are simply
 * in the order in which they came. */
#ifndef STREAMS_WAITS_H
#define STREAMS_WAITS_H

#include "names.h"

struct waits {
    struct ring by_deadline;
    struct ring ready; /* their names are known; to be told */
};

void waits_init(struct waits *waits);

/** @wait waits for @name until @deadline_ms, which no earlier one exceeds. */
void waits_add(struct waits *waits, struct name *name, struct name_wait *wait,
               uint64_t deadline_ms);

/** @wait waits for word of @name, which may be known, without a deadline. */
void waits_watch(struct name *name, struct name_wait *wait);

/** Fine if it does not wait. */
void waits_remove(struct name_wait *wait);

/** @name is known: waits_tell() will say so to those who wait for it. */
void waits_ready(struct waits *waits, struct name *name);

/** Calls known of all that are ready. They may start and stop waits, and hold
 * and release names. */
void waits_tell(struct waits *waits);

/** Calls failed of all whose deadline is not after @now_ms. As waits_tell(). */
void waits_expire(struct waits *waits, uint64_t now_ms, const struct status *why);

/** The first deadline; @otherwise if nobody waits. */
uint64_t waits_deadline(const struct waits *waits, uint64_t otherwise_ms);

#endif
