/* The books of a load of live data: who was told what. */
#include <criterion/criterion.h>

#include "client-cli/bench/bench_ledger.h"
#include "lib/leaks.h"

Test(bench_ledger, of_everything)
{
    struct ledger l;
    cr_assert_eq(ledger_init(&l, 20, 1, 3), 0);
    for (uint64_t i = 0; i < 20; i++) {
        if (i != 7) /* its import failed: who is told is right, who is not is, too */
            ledger_store(&l, i);
    }
    cr_expect_eq(ledger_missed(&l), 3 * 19);
    for (uint64_t i = 0; i < 20; i++) {
        cr_expect(ledger_tell(&l, 0, i));
        cr_expect(i == 7 || ledger_tell(&l, 1, i));
        cr_expect(i == 19 || ledger_tell(&l, 2, i));
    }
    cr_expect_eq(ledger_missed(&l), 1);
    cr_expect_eq(l.doubled, 0);
    cr_expect_not(ledger_tell(&l, 1, 19));
    cr_expect_eq(l.doubled, 1);
    cr_expect_not(ledger_tell(&l, 1, 20), "there is none");
    cr_expect_eq(l.doubled, 1);
    ledger_close(&l);
    assert_no_leaks();
}

/* Posts are of users in turn, and so are followers. */
Test(bench_ledger, of_one_user_each)
{
    struct ledger l;
    cr_assert_eq(ledger_init(&l, 100, 7, 9), 0);
    for (uint64_t i = 0; i < 100; i++)
        ledger_store(&l, i);
    for (size_t f = 0; f < 9; f++) {
        for (uint64_t i = 0; i < 100; i++)
            cr_expect_eq(ledger_tell(&l, f, i), i % 7 == f % 7);
    }
    cr_expect_eq(ledger_missed(&l), 0);
    cr_expect_eq(l.doubled, 0);
    ledger_close(&l);
    assert_no_leaks();
}

Test(bench_ledger, says_what_it_takes)
{
    cr_expect_eq(ledger_bytes(80, 1, 9), 10 * 11);
    cr_expect_eq(ledger_bytes(80, 10, 90), 100 * 2);
    cr_expect_eq(ledger_bytes(UINT64_C(1) << 62, 1, 1000), SIZE_MAX);
}
