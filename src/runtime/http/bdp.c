#include "bdp.h"

/* Less than this is no upload that a window could hold back. */
#define ASK_AFTER (BDP_WINDOW_MIN / 2)

void bdp_init(struct bdp *b)
{
    *b = (struct bdp){ .window = BDP_WINDOW_MIN };
}

bool bdp_count(struct bdp *b, size_t len)
{
    const uint64_t counted = b->counted + (uint64_t)len;
    b->counted = counted < UINT32_MAX ? (uint32_t)counted : UINT32_MAX;
    if (b->pinged || b->counted < ASK_AFTER || b->window == BDP_WINDOW_MAX)
        return false;
    b->pinged = true;
    b->counted = 0;
    return true;
}

void bdp_answered(struct bdp *b)
{
    if (b->counted >= b->window / 3 * 2)
        b->window = b->window < BDP_WINDOW_MAX / 2 ? b->window * 2 : BDP_WINDOW_MAX;
    b->pinged = false;
    b->counted = 0;
}
