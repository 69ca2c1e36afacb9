#include "pings.h"

bool pings_take(struct pings *p, uint64_t now_ms, uint64_t min_ms)
{
    const bool early = p->before && now_ms - p->at_ms < min_ms;
    p->before = true;
    if (early)
        return ++p->strikes <= PING_MAX_STRIKES;
    p->at_ms = now_ms;
    return true;
}

void pings_forgive(struct pings *p)
{
    p->strikes = 0;
    p->before = false;
}
