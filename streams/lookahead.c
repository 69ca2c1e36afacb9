#include "lookahead.h"

#include <errno.h>
#include <stdlib.h>

#include "resolver.h"
#include "store/store.h"

int lookahead_one(struct lookahead *la, struct resolver *resolver, struct bytes user_id)
{
    la->one = resolver_want(resolver, user_id);
    return la->one == NULL ? ENOMEM : 0;
}

static struct name **slot(const struct lookahead *la, uint32_t group)
{
    return &la->ring[group % LOOKAHEAD_MAX];
}

static void release_before(struct lookahead *la, uint32_t group)
{
    while (la->n > 0 && la->first < group) {
        name_release(*slot(la, la->first));
        la->first++;
        la->n--;
    }
}

/* A listing goes back to a group that got a record after it was left: then
 * nothing that is held helps. */
static void release_others(struct lookahead *la, uint32_t group)
{
    release_before(la, group < la->first ? UINT32_MAX : group);
    if (la->n == 0)
        la->first = group;
}

int lookahead_fill(struct lookahead *la, struct resolver *resolver, struct reader *reader,
                   uint32_t group, uint32_t ahead)
{
    if (la->ring == NULL) {
        la->ring = malloc(LOOKAHEAD_MAX * sizeof(struct name *));
        if (la->ring == NULL)
            return ENOMEM;
    }
    if (ahead > LOOKAHEAD_MAX)
        ahead = LOOKAHEAD_MAX;
    release_others(la, group);
    if (la->n > ahead / 2)
        return 0;
    while (la->n < ahead) {
        struct bytes id;
        const int found = reader_group_id(reader, la->first + la->n, &id);
        if (found < 0)
            return EIO;
        if (found == 0)
            return 0;
        struct name *name = resolver_want(resolver, id);
        if (name == NULL)
            return ENOMEM;
        *slot(la, la->first + la->n) = name;
        la->n++;
    }
    return 0;
}

struct name *lookahead_get(const struct lookahead *la, uint32_t group)
{
    if (la->one != NULL)
        return la->one;
    if (group < la->first || group - la->first >= la->n)
        return NULL;
    return *slot(la, group);
}

void lookahead_clear(struct lookahead *la)
{
    release_before(la, la->first + la->n);
    free(la->ring);
    name_release(la->one);
    *la = (struct lookahead){ 0 };
}
