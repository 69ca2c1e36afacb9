#include "turns.h"

void turns_init(struct turns *t, const struct loop *loop, size_t limit)
{
    *t = (struct turns){ .loop = loop, .limit = limit, .round = loop_round(loop), .epoch = 1 };
}

static void look_at_clock(struct turns *t)
{
    const unsigned round = loop_round(t->loop);
    if (t->round == round)
        return;
    if (!t->waiting)
        t->epoch++;
    t->round = round;
    t->used = 0;
    t->waiting = false;
}

bool turn_may(struct turns *t, const struct turn *turn)
{
    look_at_clock(t);
    const bool was_served = turn->epoch == t->epoch;
    if (!turn->busy || (t->used < t->limit && !was_served))
        return true;
    t->waiting |= !was_served;
    return false;
}

void turn_used(struct turns *t, struct turn *turn, size_t amount, bool busy)
{
    look_at_clock(t);
    if (busy)
        t->used += amount;
    turn->epoch = t->epoch;
    turn->busy = busy;
}
