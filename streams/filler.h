/* A step in progress, as what fills messages sees it: from a listing's records
 * (listing_fill.c), or from what has changed (listing_changes.c). */
#ifndef STREAMS_FILLER_H
#define STREAMS_FILLER_H

#include "listing_internal.h"
#include "store/store.h"

/* Others have their turn after so much. */
#define SCAN_STEP_BYTES (1 << 20)

struct filler {
    struct visit visit; /* of records, or */
    struct change_visit changes;
    struct listing *l;
    struct query *q;
    struct reader *reader;
    enum step why; /* it stopped */
    /* The same for all records, and far away: found once. */
    bool many, authors;

    /* The name of a group's user; NULL: the call has failed. */
    struct name *(*name_of)(struct filler *f, uint32_t group);

    /* The author of the records of one group. */
    bool has_group;
    uint32_t group;
    struct name *name;
    enum name_state name_state;
    struct bytes author;
};

typedef int step_need(struct listing *l, struct query *q, struct reader *reader);
typedef enum step step_part(struct listing *l, struct query *q, struct reader *reader);

/* In a step of the reader: says what is needed, and reads it, again and again while what was
 * fetched is used up. */
static inline enum step step_read(struct listing *l, struct query *q, step_need *need,
                                  step_part *read)
{
    struct reader *reader = l->env->reader;
    enum step why = step_begin(l) ? STEP_MORE : STEP_FAILED;
    while (why == STEP_MORE) {
        const int rv = need(l, q, reader);
        if (rv == 0)
            return STEP_LATER;
        if (rv < 0) {
            listing_fail_store(l, reader_error(reader));
            return STEP_FAILED;
        }
        why = read(l, q, reader);
    }
    return why;
}

/** The step ends here. Returns false, for visitors. */
bool filler_stop(struct filler *f, enum step why);
bool filler_stop_memory(struct filler *f);

/** Whether the step goes on, before another record is looked at. */
bool filler_goes_on(struct filler *f);

bool filler_has_tag(struct bytes record, unsigned field, struct bytes tag);

/** Whether the author of this group's records can be written. */
bool filler_knows_author(struct filler *f, uint32_t group);

/** Finds the group of the query's user, once. 0, or -1 (see reader_error()). */
int filler_find_group(struct query *q, struct reader *reader);

/** Puts the record into the draft, with that author. */
bool filler_put(struct filler *f, struct bytes record);

#endif
