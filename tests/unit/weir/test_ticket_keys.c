/* Keys of tickets: when they stay the same, and when they must not. */
#include <criterion/criterion.h>
#include <string.h>

#include "weir/ticket_keys.h"

static struct ticket_keys g_keys;

static void setup(void)
{
    ticket_keys_init(&g_keys);
}

static void teardown(void)
{
    ticket_keys_destroy(&g_keys);
}

TestSuite(ticket_keys, .init = setup, .fini = teardown);

static bool same(unsigned generation, uint64_t now_ms, unsigned generation_2, uint64_t now_ms_2)
{
    uint8_t one[TICKET_KEYS_BYTES], two[TICKET_KEYS_BYTES];
    cr_assert(ticket_keys_get(&g_keys, generation, now_ms, one));
    cr_assert(ticket_keys_get(&g_keys, generation_2, now_ms_2, two));
    cr_expect_eq(memcmp(one, two, 16) == 0, memcmp(one + 16, two + 16, 64) == 0,
                 "the name goes with the keys");
    return memcmp(one, two, sizeof one) == 0;
}

Test(ticket_keys, change_with_the_files_and_each_day)
{
    cr_expect(same(1, 0, 1, TICKET_KEYS_AGE_MS - 1));
    cr_expect_not(same(1, TICKET_KEYS_AGE_MS - 1, 1, TICKET_KEYS_AGE_MS));
    cr_expect(same(1, TICKET_KEYS_AGE_MS, 1, TICKET_KEYS_AGE_MS + 5));
    cr_expect_not(same(1, TICKET_KEYS_AGE_MS, 2, TICKET_KEYS_AGE_MS));
}

/* A loop whose clock is a little behind, or which still has the files of before. */
Test(ticket_keys, asking_for_others_changes_none)
{
    uint8_t first[TICKET_KEYS_BYTES], again[TICKET_KEYS_BYTES];
    cr_assert(ticket_keys_get(&g_keys, 1, 5000, first));
    same(2, 5001, 1, 4000);
    cr_assert(ticket_keys_get(&g_keys, 1, 5002, again));
    cr_expect_eq(memcmp(first, again, sizeof first), 0);
}

/* Made of halves that differ, each of its own. */
Test(ticket_keys, no_block_is_there_twice)
{
    uint8_t keys[TICKET_KEYS_BYTES];
    cr_assert(ticket_keys_get(&g_keys, 1, 0, keys));
    for (int i = 0; i < TICKET_KEYS_BYTES; i += 16)
        for (int j = i + 16; j < TICKET_KEYS_BYTES; j += 16)
            cr_expect_neq(memcmp(keys + i, keys + j, 16), 0);
}

Test(ticket_keys, no_two_servers_have_the_same)
{
    struct ticket_keys other;
    uint8_t one[TICKET_KEYS_BYTES], two[TICKET_KEYS_BYTES];
    ticket_keys_init(&other);
    cr_assert(ticket_keys_get(&g_keys, 1, 0, one) && ticket_keys_get(&other, 1, 0, two));
    cr_expect_neq(memcmp(one, two, sizeof one), 0);
    ticket_keys_destroy(&other);
}
