/* Groups of few records that were listed lately, and where in the map those are.
 * To find a record is a walk from the root, of 2,000 instructions; who asks for
 * few records asks for the same groups often.
 *
 * Only what was looked at in the same snapshot counts: that the leaf page is
 * sound, that the records are all of the group, and that another group, or
 * nothing, comes after them. Pages of a snapshot do not change while it is the
 * last one, or is being read. */
#ifndef LMDB_SPOTS_H
#define LMDB_SPOTS_H

#include <stddef.h>
#include <stdint.h>

#define SPOTS 2048

struct page;

/* All records of a group, if one leaf page has them, with their values. */
struct spot {
    size_t commit; /* of the snapshot; LMDB counts from 1 */
    const struct page *leaf;
    uint32_t group;
    uint16_t first, n; /* its nodes from this one on, so many */
};

/* By the group's number. A zeroed one is empty. */
struct spots {
    struct spot at[SPOTS];
};

/** NULL: not here. */
static inline const struct spot *spots_find(const struct spots *all, size_t commit, uint32_t group)
{
    const struct spot *s = &all->at[group % SPOTS];
    return s->commit == commit && s->group == group && s->n > 0 ? s : NULL;
}

/** In the place of another one. */
static inline void spots_put(struct spots *all, const struct spot *s)
{
    all->at[s->group % SPOTS] = *s;
}

#endif
