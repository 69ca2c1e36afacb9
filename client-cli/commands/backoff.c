#include "backoff.h"

#define FIRST_MS 100
#define MOST_MS  2000

void backoff_init(struct backoff *b, unsigned tries_max, uint64_t seed)
{
    *b = (struct backoff){ .tries_max = tries_max, .next_ms = FIRST_MS, .random = seed | 1 };
}

void backoff_reset(struct backoff *b)
{
    b->tries = 0;
    b->next_ms = FIRST_MS;
}

static uint64_t next_random(struct backoff *b) /* xorshift */
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

static uint64_t after(uint64_t ms)
{
    return ms * 2 < MOST_MS ? ms * 2 : MOST_MS;
}

uint64_t backoff_most_ms(const struct backoff *b)
{
    uint64_t all_ms = 0, next_ms = FIRST_MS;
    unsigned tries = 0;
    for (; tries < b->tries_max && next_ms < MOST_MS; tries++, next_ms = after(next_ms))
        all_ms += next_ms;
    return all_ms + (uint64_t)(b->tries_max - tries) * MOST_MS;
}

bool backoff_next(struct backoff *b, uint64_t *ret_ms)
{
    if (b->tries == b->tries_max)
        return false;
    b->tries++;
    *ret_ms = b->next_ms / 2 + next_random(b) % (b->next_ms / 2 + 1);
    b->next_ms = after(b->next_ms);
    return true;
}
