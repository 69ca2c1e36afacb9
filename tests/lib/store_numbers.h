/* The numbers that a reader tells, in a step. One that cannot be read fails the test. */
#ifndef TESTS_STORE_NUMBERS_H
#define TESTS_STORE_NUMBERS_H

#include <criterion/criterion.h>

#include "store/store.h"

static inline uint64_t count_of(struct reader *reader)
{
    uint64_t n = 0;
    cr_assert_eq(reader_count(reader, &n), 1, "%s", reader_error(reader));
    return n;
}

static inline uint64_t groups_of(struct reader *reader)
{
    uint64_t n = 0;
    cr_assert_eq(reader_groups(reader, &n), 1, "%s", reader_error(reader));
    return n;
}

static inline uint64_t revision_of(struct reader *reader)
{
    uint64_t revision = 0;
    cr_assert_eq(reader_revision(reader, &revision), 1, "%s", reader_error(reader));
    return revision;
}

#endif
