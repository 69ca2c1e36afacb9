#include "bdp.h"

/* Less than this is no upload that a window could hold back. */
#define ASK_AFTER (32 * 1024)

/* A step takes a round trip or two: from 256 KiB to 16 MiB there are three. */
#define GROWTH 4

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

bool bdp_answered(struct bdp *b)
{
    const bool was_full = b->counted >= b->window / 2;
    if (was_full)
        b->window = b->window < BDP_WINDOW_MAX / GROWTH ? b->window * GROWTH : BDP_WINDOW_MAX;
    b->pinged = false;
    b->counted = 0;
    return was_full;
}
