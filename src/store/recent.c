#include "recent.h"

#include <string.h>
#include <xxhash.h>

static size_t set_of(struct bytes id)
{
    return XXH3_64bits(id.data, id.len) % RECENT_SETS;
}

bool recent_find(const struct recent *r, struct bytes id, uint32_t *ret_ordinal)
{
    if (id.len == 0 || id.len > RECENT_ID_MAX)
        return false;
    const struct recent_place *set = r->sets[set_of(id)];
    for (int i = 0; i < 2; i++) {
        if (set[i].len == id.len && memcmp(set[i].id, id.data, id.len) == 0) {
            *ret_ordinal = set[i].ordinal;
            return true;
        }
    }
    return false;
}

void recent_put(struct recent *r, struct bytes id, uint32_t ordinal)
{
    if (id.len == 0 || id.len > RECENT_ID_MAX)
        return;
    struct recent_place *set = r->sets[set_of(id)];
    set[1] = set[0];
    set[0] = (struct recent_place){ .ordinal = ordinal, .len = (uint8_t)id.len };
    memcpy(set[0].id, id.data, id.len);
}
