/* Who was told what: of every post that was imported, and of every follower. A bit each,
 * so a thousand followers of a hundred thousand posts are 12 MB.
 *
 * Posts have numbers, from 0. With @users they are of user number % users each, and a
 * follower is of one of these; with 1 everybody follows everything. */
#ifndef CLI_BENCH_LEDGER_H
#define CLI_BENCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger {
    uint64_t posts, users; /* read-only */
    size_t followers;
    uint64_t doubled; /* read-only: posts that a follower was told of again */

    /* private */
    size_t row_bytes; /* of one follower, or user */
    uint8_t *stored;  /* a row for each user */
    uint8_t *told;    /* a row for each follower */
};

/** For posts 0 to @posts - 1. Returns 0, or ENOMEM with nothing left to close. */
int ledger_init(struct ledger *l, uint64_t posts, uint64_t users, size_t followers);
void ledger_close(struct ledger *l); /* fine if zeroed */

/** What it will take; SIZE_MAX: more than can be said. */
size_t ledger_bytes(uint64_t posts, uint64_t users, size_t followers);

/** Post @number is there for sure, and followers must hear of it. */
void ledger_store(struct ledger *l, uint64_t number);

/** @follower heard of it. false: it is none of its posts, or was told before. */
bool ledger_tell(struct ledger *l, size_t follower, uint64_t number);

/** How often a follower has not heard of a post that is there for sure. */
uint64_t ledger_missed(const struct ledger *l);

#endif
