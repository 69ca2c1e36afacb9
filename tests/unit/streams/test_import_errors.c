#include <criterion/criterion.h>
#include <stdio.h>

#include "streams/import_errors.h"

static void add(struct import_errors *e, int64_t number)
{
    struct status why = status_of(STATUS_INVALID_ARGUMENT, "record %d", (int)number);
    import_errors_add(e, number, &why);
}

static void assert_first(const struct import_errors *e)
{
    cr_assert_eq(e->n, IMPORT_ERRORS_MAX);
    cr_assert_eq(e->total, 250);
    for (int i = 0; i < IMPORT_ERRORS_MAX; i++) {
        char want[32];
        snprintf(want, sizeof want, "record %d", i);
        cr_assert_eq(e->first[i].number, i);
        cr_assert_str_eq(e->first[i].message, want);
    }
}

Test(import_errors, keeps_the_first_of_many)
{
    struct import_errors e = { 0 };
    for (int i = 0; i < 250; i++)
        add(&e, i);
    assert_first(&e);
    import_errors_close(&e);
}

Test(import_errors, keeps_the_first_in_any_order)
{
    struct import_errors e = { 0 };
    for (int i = 0; i < 250; i++)
        add(&e, i * 7 % 250);
    assert_first(&e);
    import_errors_close(&e);
}
