#include "tally.h"

#include "die.h"

#define BITS 64

/* How many of the numbers below @end are for it. */
static uint64_t below(const struct tally *t, uint64_t end)
{
    return end <= t->first ? 0 : (end - t->first + t->step - 1) / t->step;
}

void tally_open(struct tally *t, uint64_t first, uint64_t step, uint64_t count, uint64_t fences)
{
    *t = (struct tally){ .first = first, .step = step };
    t->expected = below(t, count);
    t->fences = below(t, count + fences) - t->expected;
    t->seen = must_have(calloc((t->expected + t->fences) / BITS + 1, sizeof *t->seen));
}

void tally_close(struct tally *t)
{
    free(t->seen);
}

enum tally_kind tally_note(struct tally *t, uint64_t number)
{
    uint64_t place = (number - t->first) / t->step, bit = UINT64_C(1) << place % BITS;
    if (number < t->first || (number - t->first) % t->step != 0 ||
        place >= t->expected + t->fences) {
        t->strange++;
        return TALLY_WRONG;
    }
    if (t->seen[place / BITS] & bit) {
        t->doubled++;
        return TALLY_WRONG;
    }
    t->seen[place / BITS] |= bit;
    if (place >= t->expected) {
        t->got_fences++;
        return TALLY_FENCE;
    }
    t->got++;
    return TALLY_NEW;
}
