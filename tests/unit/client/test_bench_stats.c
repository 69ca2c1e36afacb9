/* What a load test counts: times, seconds, codes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "client-cli/bench/bench_hist.h"
#include "client-cli/bench/bench_limits.h"
#include "client-cli/bench/bench_series.h"
#include "client-cli/bench/bench_stats.h"
#include "lib/leaks.h"

static bool within(uint64_t got, double wanted, double part)
{
    return (double)got >= wanted && (double)got <= wanted * (1 + part) + 1;
}

Test(bench_hist, three_digits_at_every_size)
{
    for (double size = 1; size < 4e12; size *= 7.3) {
        struct hist h;
        cr_assert_eq(hist_init(&h, HIST_FINE), 0);
        hist_add(&h, (uint64_t)size);
        hist_add(&h, (uint64_t)(size * 1.9));
        cr_expect(within(hist_quantile(&h, 0.5), (double)(uint64_t)size, 0.001), "%f", size);
        cr_expect_eq(hist_quantile(&h, 1), (uint64_t)(size * 1.9), "the last is exact");
        cr_expect_eq(h.least, (uint64_t)size);
        hist_close(&h);
    }
}

Test(bench_hist, quantiles_of_a_thousand)
{
    static const double quantiles[] = { 0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
    struct hist h;
    cr_assert_eq(hist_init(&h, HIST_FINE), 0);
    cr_expect_eq(hist_quantile(&h, 0.5), 0, "none yet");
    cr_expect_eq(hist_mean(&h), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        hist_add(&h, i * 1000000);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        double wanted = quantiles[i] * 1e9;
        cr_expect(within(hist_quantile(&h, quantiles[i]), wanted, 0.001), "%f", quantiles[i]);
    }
    cr_expect_eq(hist_quantile(&h, 0), hist_quantile(&h, 0.001), "the least");
    cr_expect_float_eq(hist_mean(&h), 500.5e6, 1);
    hist_close(&h);
}

Test(bench_hist, merged_is_as_if_counted_together)
{
    struct hist a, b, both;
    cr_assert(hist_init(&a, HIST_COARSE) == 0 && hist_init(&b, HIST_COARSE) == 0 &&
              hist_init(&both, HIST_COARSE) == 0);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t value = i * i * 37 % 1000003;
        hist_add(i % 3 == 0 ? &a : &b, value);
        hist_add(&both, value);
    }
    hist_merge(&a, &b);
    cr_expect(a.n == both.n && a.sum == both.sum && a.least == both.least && a.most == both.most);
    for (double q = 0; q <= 1; q += 0.01)
        cr_expect_eq(hist_quantile(&a, q), hist_quantile(&both, q));
    cr_expect_eq(hist_between(&a, 0, UINT64_MAX), a.n);
    cr_expect_eq(hist_between(&a, 0, 4096) + hist_between(&a, 4096, UINT64_MAX), a.n);
    hist_close(&a);
    hist_close(&b);
    hist_close(&both);
}

Test(bench_hist, longest)
{
    struct hist h;
    cr_assert_eq(hist_init(&h, HIST_FINE), 0);
    hist_add(&h, UINT64_MAX);
    hist_add(&h, 0);
    cr_expect_eq(hist_quantile(&h, 1), HIST_MOST);
    cr_expect_eq(hist_quantile(&h, 0.5), 0);
    hist_close(&h);
    assert_no_leaks();
}

/* --- Seconds ------------------------------------------------------------------------ */

#define ORIGIN 1000000
#define SECOND SERIES_SECOND_NS

static void count_second(struct series *s, uint64_t second)
{
    struct series_point *p = series_at(s, ORIGIN + second * SECOND + SECOND / 2);
    p->calls++;
    p->posts += second;
    series_point_add(p, (second + 1) * 1000);
}

static uint64_t sum_posts(const struct series *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += s->point[i].posts;
    return sum;
}

Test(bench_series, every_second_while_it_is_short)
{
    static struct series s;
    series_init(&s, ORIGIN);
    for (uint64_t i = 0; i < SERIES_POINTS; i++)
        count_second(&s, i);
    cr_expect_eq(s.n, SERIES_POINTS);
    cr_expect_eq(s.interval_ns, SECOND);
    for (size_t i = 0; i < s.n; i++)
        cr_expect(s.point[i].calls == 1 && s.point[i].posts == i && s.point[i].latency.n == 1);
    cr_expect_eq(series_at(&s, 0), &s.point[0], "before the origin");
    series_close(&s);
    assert_no_leaks();
}

Test(bench_series, a_day_in_constant_memory_and_nothing_lost)
{
    static struct series s;
    const uint64_t day = 24 * 3600;
    series_init(&s, ORIGIN);
    for (uint64_t i = 0; i < day; i++)
        count_second(&s, i);
    cr_expect_eq(s.interval_ns, 512 * SECOND);
    cr_expect_eq(s.n, (day + 511) / 512);
    cr_expect_eq(sum_posts(&s), day * (day - 1) / 2);
    for (size_t i = 0; i + 1 < s.n; i++) {
        cr_expect(s.point[i].calls == 512 && s.point[i].latency.n == 512);
        cr_expect_eq(s.point[i].latency.most, (i * 512 + 512) * 1000, "of these seconds");
    }
    series_close(&s);
    assert_no_leaks();
}

Test(bench_series, a_jump_leaves_empty_points)
{
    static struct series s;
    series_init(&s, ORIGIN);
    count_second(&s, 0);
    count_second(&s, 10 * SERIES_POINTS);
    cr_expect_eq(s.interval_ns, 16 * SECOND);
    for (size_t i = 1; i + 1 < s.n; i++)
        cr_expect(s.point[i].calls == 0 && s.point[i].latency.counts == NULL);
    cr_expect_eq(s.point[s.n - 1].calls, 1);
    series_close(&s);
}

Test(bench_series, merging_takes_the_longer_interval)
{
    static struct series a, b;
    for (int swapped = 0; swapped < 2; swapped++) {
        series_init(&a, ORIGIN);
        series_init(&b, ORIGIN);
        for (uint64_t i = 0; i < 1000; i++)
            count_second(swapped ? &a : &b, i);
        for (uint64_t i = 0; i < 7; i++)
            count_second(swapped ? &b : &a, i);
        series_merge(&a, &b);
        series_close(&b);
        cr_expect_eq(a.interval_ns, 8 * SECOND);
        cr_expect_eq(sum_posts(&a), 999 * 500 + 21);
        cr_expect(a.point[0].calls == 15 && a.point[0].latency.n == 15);
        series_close(&a);
    }
    assert_no_leaks();
}

/* --- Codes, and all together -------------------------------------------------------- */

Test(bench_stats, codes_keep_their_first_message)
{
    struct stats *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    cr_assert(stats_init(a, ORIGIN) == 0 && stats_init(b, ORIGIN) == 0);
    cr_expect_not(stats_ok(a, 0), "nothing happened");
    stats_code(&a->calls, STATUS_OK, "", 0, 3);
    cr_expect(stats_ok(a, 0));
    stats_code(&b->calls, STATUS_UNAVAILABLE, "first!", 5, 1);
    stats_code(&b->calls, STATUS_UNAVAILABLE, "second", 6, 1);
    stats_code(&b->calls, 99, "odd", 3, 1);
    stats_code(&b->errors, STATUS_NOT_FOUND, "x", 1, 7);
    b->end_ns = ORIGIN + 5 * SECOND;
    stats_merge(a, b);
    stats_close(b);
    cr_expect(stats_ended(a) == 6 && stats_failed(a) == 3);
    cr_expect_str_eq(a->calls.first[STATUS_UNAVAILABLE], "first");
    cr_expect_str_eq(a->calls.first[STATUS_UNKNOWN], "odd");
    cr_expect_null(a->calls.first[STATUS_OK]);
    cr_expect_eq(a->errors.count[STATUS_NOT_FOUND], 7);
    cr_expect_float_eq(stats_seconds(a), 5, 1e-9);
    cr_expect_not(stats_ok(a, 0));
    stats_close(a);
    free(a);
    free(b);
    assert_no_leaks();
}

Test(bench_stats, failed_requests_are_not_ok)
{
    struct stats *s = calloc(1, sizeof *s);
    cr_assert_eq(stats_init(s, 0), 0);
    stats_code(&s->calls, STATUS_OK, "", 0, 1);
    stats_code(&s->errors, STATUS_NOT_FOUND, "x", 1, 1);
    cr_expect_not(stats_ok(s, 0));
    stats_close(s);
    free(s);
}

Test(bench_stats, some_errors_may_be_accepted)
{
    struct stats *s = calloc(1, sizeof *s);
    cr_assert_eq(stats_init(s, 0), 0);
    stats_code(&s->calls, STATUS_OK, "", 0, 98);
    stats_code(&s->calls, STATUS_INTERNAL, "", 0, 2);
    s->flawed = 3; /* of those that were OK */
    cr_expect_eq(stats_bad(s), 5);
    cr_expect(stats_ok(s, 0.05));
    cr_expect_not(stats_ok(s, 0.049));
    cr_expect_not(stats_ok(s, 0));
    s->follow.missed = 1;
    cr_expect_not(stats_ok(s, 0.05), "a post that was missed is none of these errors");
    stats_close(s);
    free(s);
}

/* --- How much may go wrong ----------------------------------------------------------- */

Test(bench_limits, percentages)
{
    static const struct {
        const char *text;
        double part; /* below 0: none */
    } cases[] = {
        { "1%", 0.01 },   { "0.5%", 0.005 }, { "0%", 0 },   { "150%", 1.5 }, { ".5%", 0.005 },
        { "1", -1 },      { "", -1 },        { "%", -1 },   { "-1%", -1 },   { "1 %", -1 },
        { "1.2.3%", -1 }, { "x%", -1 },      { "1%%", -1 }, { "inf%", -1 },  { ".%", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double part = 0;
        cr_expect_eq(percent_parse(cases[i].text, &part), cases[i].part >= 0, "%s", cases[i].text);
        cr_expect(cases[i].part < 0 || fabs(part - cases[i].part) < 1e-12, "%s", cases[i].text);
    }
}

Test(bench_limits, an_early_error_is_not_all_of_a_run)
{
    const struct error_limit none = { .text = "" };
    const struct error_limit l = { .text = "2%", .part = 0.02 };
    const struct error_limit zero = { .text = "0%", .part = 0 };
    cr_expect_not(error_limit_passed(&none, 1000, 1000));
    cr_expect_not(error_limit_passed(&l, 2, 2));
    cr_expect(error_limit_passed(&l, 3, 3));
    cr_expect_not(error_limit_passed(&l, 20, 1000));
    cr_expect(error_limit_passed(&l, 21, 1000));
    cr_expect_not(error_limit_passed(&zero, 0, 5));
    cr_expect(error_limit_passed(&zero, 1, 5));
}
