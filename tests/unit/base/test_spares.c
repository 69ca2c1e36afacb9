#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "base/spares.h"

#define SIZE 100

static bool is_zero(const uint8_t *block)
{
    for (size_t i = 0; i < SIZE; i++)
        if (block[i] != 0)
            return false;
    return true;
}

Test(spares, a_block_is_zero_again)
{
    struct spares s = { 0 };
    uint8_t *block = spares_take(&s, SIZE);
    cr_assert(is_zero(block));
    memset(block, 'x', SIZE);
    spares_give(&s, block);
    block = spares_take(&s, SIZE);
    cr_assert(is_zero(block));
    spares_give(&s, block);
    spares_clear(&s);
}

Test(spares, so_many_are_kept_and_no_more)
{
    struct spares s = { 0 };
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = spares_take(&s, SIZE);
    for (int i = 0; i < 100; i++)
        spares_give(&s, blocks[i]);
    const int kept = s.n;
    cr_assert_leq(kept, 32);
    for (int i = 0; i < kept; i++)
        blocks[i] = spares_take(&s, SIZE);
    cr_assert_eq(s.n, 0);
    for (int i = 0; i < kept; i++)
        spares_give(&s, blocks[i]);
    spares_clear(&s);
    cr_assert_eq(s.n, 0);
}
