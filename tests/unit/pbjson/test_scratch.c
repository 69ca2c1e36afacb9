/* The stack of notes: what is on it stays where it is, and it keeps to its limit. */
#include <criterion/criterion.h>
#include <errno.h>

#include "lib/heap.h"
#include "pbjson/scratch.h"

Test(scratch, does_not_move_what_is_on_it)
{
    struct scratch s;
    unsigned *places[100];
    heap_watch();
    scratch_open(&s, 0);
    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(scratch_push(&s, 97, &places[i]), 0);
        cr_assert_eq((uintptr_t)places[i] % sizeof(uint64_t), 0);
        *places[i] = i;
    }
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(*places[i], i);
    scratch_close(&s);
    cr_assert_eq(heap_live(), 0);
}

Test(scratch, grows_an_array_over_blocks)
{
    struct scratch s;
    unsigned *array = NULL, *other;
    scratch_open(&s, 0);
    cr_assert_eq(scratch_push(&s, 100, &other), 0);
    const struct scratch_mark mark = scratch_mark(&s);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10000; i++) {
            cr_assert_eq(scratch_extend(&s, &array, i * sizeof *array, sizeof *array), 0);
            array[i] = i;
        }
        for (unsigned i = 0; i < 10000; i++)
            cr_assert_eq(array[i], i);
        cr_assert_eq(scratch_push(&s, 3000, &other), 0);
        memset(other, 0xff, 3000);
        cr_assert_eq(array[9999], 9999);
        scratch_release(&s, mark);
    }
    scratch_close(&s);
}

Test(scratch, keeps_to_its_limit)
{
    struct scratch s;
    void *room;
    scratch_open(&s, 10000);
    cr_assert_eq(scratch_push(&s, SCRATCH_FIRST_BYTES, &room), 0);
    cr_assert_eq(scratch_push(&s, 10001, &room), EMSGSIZE);
    cr_assert_eq(scratch_push(&s, SIZE_MAX, &room), EMSGSIZE);
    const struct scratch_mark mark = scratch_mark(&s);
    cr_assert_eq(scratch_push(&s, 10000, &room), 0);
    cr_assert_eq(scratch_push(&s, 1, &room), EMSGSIZE);
    scratch_release(&s, mark);
    cr_assert_eq(scratch_push(&s, 9000, &room), 0);
    scratch_close(&s);
}
