#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "lib/heap.h"
#include "lib/leaks.h"

#define LIMIT ((size_t)1 << 20)

Test(arena, gives_aligned_memory_that_does_not_overlap)
{
    struct arena *a = arena_new(LIMIT);
    uint8_t *given[200];
    for (size_t i = 0; i < 200; i++) {
        given[i] = arena_alloc(a, i * 13);
        cr_assert_not_null(given[i]);
        cr_assert_eq((uintptr_t)given[i] % alignof(max_align_t), 0);
        memset(given[i], (int)i, i * 13);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i * 13; k++)
            cr_assert_eq(given[i][k], (uint8_t)i);
    arena_free(a);
    assert_no_leaks();
}

Test(arena, keeps_its_limit_and_says_so)
{
    struct arena *a = arena_new(LIMIT);
    size_t n = 0;
    while (arena_alloc(a, 100) != NULL)
        n++;
    cr_assert(arena_exhausted(a));
    cr_assert_eq(n, LIMIT / 112, "each is rounded up to 112");
    arena_reset(a);
    cr_assert_not(arena_exhausted(a));
    cr_assert_not_null(arena_alloc(a, LIMIT));
    cr_assert_null(arena_alloc(a, 1));
    arena_free(a);
    assert_no_leaks();
}

Test(arena, sizes_near_the_end_of_the_address_space)
{
    struct arena *a = arena_new(LIMIT);
    for (size_t less = 0; less < 40; less++)
        cr_assert_null(arena_alloc(a, SIZE_MAX - less));
    cr_assert_null(arena_alloc(a, LIMIT + 1));
    cr_assert(arena_exhausted(a));
    cr_assert_not_null(arena_alloc(a, 0));
    arena_free(a);
}

Test(arena, serves_protobuf)
{
    struct arena *a = arena_new(LIMIT);
    ProtobufCAllocator *p = arena_protobuf(a);
    void *x = p->alloc(p->allocator_data, 10);
    cr_assert_not_null(x);
    p->free(p->allocator_data, x);
    cr_assert_null(p->alloc(p->allocator_data, LIMIT));
    cr_assert(arena_exhausted(a));
    arena_free(a);
    arena_free(NULL);
    assert_no_leaks();
}

/* The two need different answers: to ask for less, or to try again. */
Test(arena, without_memory_it_is_not_exhausted)
{
    struct arena *a = arena_new(LIMIT);
    heap_fail_at(1);
    cr_assert_null(arena_alloc(a, 10));
    cr_assert(arena_no_memory(a) && !arena_exhausted(a));
    arena_reset(a);
    cr_assert_not(arena_no_memory(a));
    cr_assert_not_null(arena_alloc(a, 10));
    arena_free(a);
}
