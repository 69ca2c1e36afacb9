/* Which posts of a load one follower has seen. A load is the numbers from 0 on; behind them come
 * the posts of its fence, one for each user: when a follower has those that are for it, what it
 * lacks of the load is missed, and not only late. */
#ifndef FOLLOW_LOAD_TALLY_H
#define FOLLOW_LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Of the numbers of a load, those that a follower is to get: @first, and each @step-th from there.
 */
struct tally {
    uint64_t first, step;
    uint64_t expected, fences; /* how many there are for it: of the load, of the fence */
    uint64_t got, got_fences;  /* each counted once */
    uint64_t doubled, strange; /* seen again; not for this follower */
    uint64_t *seen;            /* a bit for each that is for it */
};

enum tally_kind { TALLY_NEW, TALLY_FENCE, TALLY_WRONG };

/** For a load of @count numbers and a fence of @fences. */
void tally_open(struct tally *t, uint64_t first, uint64_t step, uint64_t count, uint64_t fences);
void tally_close(struct tally *t);

/** It came. Returns what it is: of the load and new, of the fence and new, or else. */
enum tally_kind tally_note(struct tally *t, uint64_t number);

static inline bool tally_is_complete(const struct tally *t)
{
    return t->got == t->expected;
}

static inline bool tally_is_fenced(const struct tally *t)
{
    return t->got_fences == t->fences;
}

#endif
