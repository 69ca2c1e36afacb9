/* Groups that were looked up lately. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/recent.h"

static struct recent *recent;

static void init(void)
{
    recent = calloc(1, sizeof *recent);
    cr_assert_not_null(recent);
}

static void fini(void)
{
    free(recent);
}

TestSuite(recent, .init = init, .fini = fini);

static struct bytes numbered(char room[16], unsigned n)
{
    return bytes_of(room, (size_t)snprintf(room, 16, "u%u", n));
}

Test(recent, finds_what_was_put_and_nothing_else)
{
    uint32_t ordinal = 7;
    cr_assert_not(recent_find(recent, bytes_of_text("a"), &ordinal));
    recent_put(recent, bytes_of_text("a"), 0);
    cr_assert(recent_find(recent, bytes_of_text("a"), &ordinal));
    cr_assert_eq(ordinal, 0);
    cr_assert_not(recent_find(recent, bytes_of_text("ab"), &ordinal));
    cr_assert_not(recent_find(recent, bytes_of("a", 2), &ordinal), "its NUL is a part of it");
    cr_assert_not(recent_find(recent, bytes_of_text(""), &ordinal));
}

Test(recent, keeps_neither_empty_ids_nor_long_ones)
{
    char id[RECENT_ID_MAX + 2];
    uint32_t ordinal;
    memset(id, 'x', sizeof id);
    recent_put(recent, bytes_of_text(""), 1);
    recent_put(recent, bytes_of(id, RECENT_ID_MAX + 1), 2);
    cr_assert_not(recent_find(recent, bytes_of_text(""), &ordinal));
    cr_assert_not(recent_find(recent, bytes_of(id, RECENT_ID_MAX + 1), &ordinal));
    recent_put(recent, bytes_of(id, RECENT_ID_MAX), 3);
    cr_assert(recent_find(recent, bytes_of(id, RECENT_ID_MAX), &ordinal));
    cr_assert_eq(ordinal, 3);
}

/* Ten times as many as there is room for: the last one is always there, and what
 * is there is right. */
Test(recent, newer_ones_come_in_the_place_of_older_ones)
{
    const unsigned n = 20 * RECENT_SETS;
    char room[16];
    uint32_t ordinal;
    unsigned found = 0;
    for (unsigned i = 0; i < n; i++) {
        recent_put(recent, numbered(room, i), i);
        cr_assert(recent_find(recent, numbered(room, i), &ordinal));
        cr_assert_eq(ordinal, i);
    }
    for (unsigned i = 0; i < n; i++) {
        if (!recent_find(recent, numbered(room, i), &ordinal))
            continue;
        cr_assert_eq(ordinal, i);
        found++;
    }
    cr_assert_gt(found, RECENT_SETS);
    cr_assert_leq(found, 2 * RECENT_SETS);
}
