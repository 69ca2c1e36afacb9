/* Leaks, looked for in the test's body: LeakSanitizer's report at exit would
 * leave a Criterion test green. Without the sanitizer nothing is checked. */
#ifndef TESTS_LEAKS_H
#define TESTS_LEAKS_H

#include <criterion/criterion.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static inline void assert_no_leaks(void)
{
    if (__lsan_do_recoverable_leak_check != NULL)
        cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "memory leaked: see above");
}

#endif
