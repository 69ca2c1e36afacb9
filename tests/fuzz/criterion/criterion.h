/* Stands in for Criterion where the helpers of the tests (tests/lib) are used
 * by a fuzz target: what fails a test ends the process here. */
#ifndef FUZZ_CRITERION_H
#define FUZZ_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define cr_assert(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define cr_assert_eq(a, b, ...)        cr_assert((a) == (b))
#define cr_assert_neq(a, b, ...)       cr_assert((a) != (b))
#define cr_assert_lt(a, b, ...)        cr_assert((a) < (b))
#define cr_assert_leq(a, b, ...)       cr_assert((a) <= (b))
#define cr_assert_gt(a, b, ...)        cr_assert((a) > (b))
#define cr_assert_geq(a, b, ...)       cr_assert((a) >= (b))
#define cr_assert_null(a, ...)         cr_assert((a) == NULL)
#define cr_assert_not_null(a, ...)     cr_assert((a) != NULL)
#define cr_assert_str_eq(a, b, ...)    cr_assert(strcmp(a, b) == 0)
#define cr_assert_str_neq(a, b, ...)   cr_assert(strcmp(a, b) != 0)
#define cr_assert_str_empty(a, ...)    cr_assert(*(a) == '\0')
#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp(a, b, n) == 0)

#endif
