/* Who imports the posts of a load: a call for each at a steady rate, or one call for many. It
 * counts on all of them being new. */
#ifndef FOLLOW_LOAD_IMPORTER_H
#define FOLLOW_LOAD_IMPORTER_H

#include "durations.h"
#include "h2_link.h"
#include "plan.h"

#define IMPORTER_NEVER UINT64_MAX

struct importer {
    const struct plan *plan;
    struct h2_link *link;
    struct import_call *spare;  /* calls that are over */
    uint64_t next, end;         /* numbers that are still to be begun, in calls at a rate */
    uint64_t start_ns, last_ns; /* the first call began; the last one was answered */
    uint64_t imported;          /* posts, in calls that were answered */
    size_t open;                /* calls that are under way */
    struct durations commit;    /* of calls at a rate: sent to answered */
    struct durations late;      /* of the same: due to sent */
};

/** @link is for calls of this importer, and stays the caller's. */
void importer_open(struct importer *m, const struct plan *plan, struct h2_link *link);
void importer_close(struct importer *m);

/** From now on the posts of the load, at the plan's rate: a call each, so many at once as it takes.
 */
void importer_pace(struct importer *m);

/** Begins one call for @count posts from number @first on. */
void importer_bulk(struct importer *m, uint64_t first, uint64_t count);

/** Begins the calls that are due at @now_ns. Returns when the next one is, or IMPORTER_NEVER. */
uint64_t importer_turn(struct importer *m, uint64_t now_ns);

/** Everything that was begun is imported, and durable. */
bool importer_is_done(const struct importer *m);

/** Figures of it, as members of a JSON object, to standard output. */
void importer_print(struct importer *m);

#endif
