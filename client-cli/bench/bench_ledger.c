#include "bench_ledger.h"

#include <errno.h>
#include <stdlib.h>

static size_t row_bytes(uint64_t posts, uint64_t users)
{
    return (size_t)((posts + users - 1) / users / 8 + 1);
}

size_t ledger_bytes(uint64_t posts, uint64_t users, size_t followers)
{
    size_t bytes;
    if (__builtin_mul_overflow(row_bytes(posts, users), (size_t)users + followers, &bytes))
        return SIZE_MAX;
    return bytes;
}

int ledger_init(struct ledger *l, uint64_t posts, uint64_t users, size_t followers)
{
    *l = (struct ledger){
        .posts = posts,
        .users = users,
        .followers = followers,
        .row_bytes = row_bytes(posts, users),
    };
    l->stored = calloc((size_t)users, l->row_bytes);
    l->told = calloc(followers, l->row_bytes);
    if (l->stored != NULL && l->told != NULL)
        return 0;
    ledger_close(l);
    return ENOMEM;
}

void ledger_close(struct ledger *l)
{
    free(l->stored);
    free(l->told);
    *l = (struct ledger){ 0 };
}

/* Sets the bit of the post in its user's row, or a follower's. false: it was set. */
static bool set(const struct ledger *l, uint8_t *row, uint64_t number)
{
    const uint64_t k = number / l->users;
    const uint8_t bit = (uint8_t)(1U << k % 8);
    const bool was_set = (row[k / 8] & bit) != 0;
    row[k / 8] |= bit;
    return !was_set;
}

static uint8_t *stored_row(const struct ledger *l, uint64_t user)
{
    return l->stored + user * l->row_bytes;
}

static uint8_t *told_row(const struct ledger *l, size_t follower)
{
    return l->told + follower * l->row_bytes;
}

void ledger_store(struct ledger *l, uint64_t number)
{
    set(l, stored_row(l, number % l->users), number);
}

bool ledger_tell(struct ledger *l, size_t follower, uint64_t number)
{
    if (number >= l->posts || number % l->users != follower % l->users)
        return false;
    const bool first = set(l, told_row(l, follower), number);
    l->doubled += !first;
    return first;
}

uint64_t ledger_missed(const struct ledger *l)
{
    uint64_t missed = 0;
    for (size_t f = 0; f < l->followers; f++) {
        const uint8_t *stored = stored_row(l, f % l->users), *told = told_row(l, f);
        for (size_t i = 0; i < l->row_bytes; i++)
            missed += (uint64_t)__builtin_popcount((unsigned)(stored[i] & ~told[i] & 0xff));
    }
    return missed;
}
