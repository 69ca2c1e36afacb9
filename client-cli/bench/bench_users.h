/* Which users a load is about: one, a range of numbered ones, or lines of
 * standard input. Read-only once it is made: any thread. */
#ifndef CLI_BENCH_USERS_H
#define CLI_BENCH_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"

#define USERS_ID_MAX 256

struct users {
    uint64_t n; /* 0: everybody */

    /* private */
    char prefix[USERS_ID_MAX]; /* a range: prefix, then a number of at least width digits */
    uint64_t from;
    int width;
    char **lines; /* else */
};

/** Just @id. false: too long, or empty. */
bool users_one(struct users *u, const char *id);

/** "u1..u1000" or "u1..1000"; "001..100" has leading zeros. false: no range. */
bool users_range(struct users *u, const char *text);

/** A line each; empty lines are left out. Returns 0, ENOMEM, EINVAL: a line is
 * too long, ENODATA: there are none; or why @from cannot be read. */
int users_read(struct users *u, FILE *from);

/** Id number @i, modulo n; @room is where it may be written. */
struct bytes users_at(const struct users *u, uint64_t i, char room[USERS_ID_MAX + 32]);

void users_close(struct users *u);

#endif
