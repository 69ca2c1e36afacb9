/* One run beside another: ratios, what is noise, and what is slower. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-cli/bench/bench_compare.h"
#include "client-cli/bench/bench_noise.h"
#include "lib/leaks.h"
#include "lib/tmpdir.h"

/* --- Noise -------------------------------------------------------------------------- */

Test(bench_noise, the_middle_half)
{
    double values[] = { 9, 1, 5, 3, 7 };
    const struct noise n = noise_of(values, 5);
    cr_expect(n.known && n.low == 3 && n.high == 7);
    double more[] = { 1, 2, 3, 4, 5, 1000 };
    const struct noise with_outlier = noise_of(more, 6);
    cr_expect_float_eq(with_outlier.low, 2.25, 1e-9);
    cr_expect_float_eq(with_outlier.high, 4.75, 1e-9);
    cr_expect_not(noise_of(values, NOISE_VALUES_MIN - 1).known);
}

Test(bench_noise, apart_is_without_a_common_value)
{
    const struct noise a = { true, 1, 2 }, b = { true, 2, 3 }, c = { true, 2.5, 9 }, none = { 0 };
    cr_expect_not(noise_apart(&a, &a));
    cr_expect_not(noise_apart(&a, &b));
    cr_expect(noise_apart(&a, &c) && noise_apart(&c, &a));
    cr_expect_not(noise_apart(&a, &none));
}

/* --- Comparisons -------------------------------------------------------------------- */

/* A run of @seconds with about @calls a second of about @p50 ms each. */
static json_t *run_of(double calls, double p50, int seconds, const char *shape)
{
    json_t *points = json_array();
    for (int i = 0; i < seconds; i++) {
        const double wave = 1 + (i % 3 - 1) * 0.02;
        json_array_append_new(points,
                              json_pack("{s:f,s:f,s:f,s:f}", "t", (double)i, "calls", calls * wave,
                                        "p50_ms", p50 * wave, "max_ms", p50 * 10));
    }
    json_array_append_new(points, json_pack("{s:f,s:f,s:f}", "t", (double)seconds, "calls", 1.0,
                                            "p50_ms", 1e6)); /* the rest of a second */
    return json_pack("{s:s,s:s,s:s,s:s,s:f,s:{s:s,s:i,s:s,s:s},s:{s:f,s:f},s:{s:s,s:s},"
                     "s:{s:f,s:f},s:{s:f},s:{s:f,s:o},s:[[f,f]]}",
                     "program", "postcli bench", "command", "postcli bench x", "started",
                     "2026-11-28T10:00:00Z", "unit", "posts", "elapsed_s", seconds + 0.1,
                     "settings", "shape", shape, "streams", 1, "prefix", "p", "target", "", "rates",
                     "calls_per_s", calls, "posts_per_s", 0.0, "names", "latency_ms", "call",
                     "first_post_ms", "first answer", "latency_ms", "p50", p50, "max", p50 * 10,
                     "first_post_ms", "p50", p50 / 2, "series", "interval_s", 1.0, "points", points,
                     "percentiles", 0.5, p50);
}

static json_t *compare(json_t *before, json_t *now)
{
    json_t *c = bench_compare(before, "before.json", now);
    cr_assert_not_null(c);
    json_decref(before);
    json_decref(now);
    return c;
}

static const json_t *row(const json_t *comparison, const char *name)
{
    const json_t *r;
    size_t i;
    json_array_foreach(json_object_get(comparison, "rows"), i,
                       r) if (strcmp(json_string_value(json_object_get(r, "name")), name) ==
                              0) return r;
    return NULL;
}

static void expect(const json_t *comparison, const char *name, double ratio, const char *verdict)
{
    const json_t *r = row(comparison, name);
    cr_assert_not_null(r, "%s", name);
    cr_expect_float_eq(json_number_value(json_object_get(r, "ratio")), ratio, 1e-3, "%s", name);
    cr_expect_str_eq(json_string_value(json_object_get(r, "verdict")), verdict, "%s", name);
}

Test(bench_compare, a_slower_run)
{
    json_t *c = compare(run_of(1000, 2, 10, "unary"), run_of(800, 2.5, 10, "unary"));
    expect(c, "calls/s", 0.8, "slower");
    expect(c, "call p50", 1.25, "slower");
    expect(c, "call max", 1.25, "slower");
    expect(c, "first answer p50", 1.25, "unknown");
    cr_expect_null(row(c, "posts/s"), "there were none before");
    cr_expect_null(row(c, "call p99"), "neither run has it");
    cr_expect_str_eq(json_string_value(json_object_get(bench_compare_slower(c, 0.1), "name")),
                     "calls/s");
    cr_expect_str_eq(json_string_value(json_object_get(bench_compare_slower(c, 0.2), "name")),
                     "call p50", "calls are slower by no more than a fifth");
    cr_expect_null(bench_compare_slower(c, 0.25));
    json_decref(c);
    assert_no_leaks();
}

Test(bench_compare, a_faster_run_and_one_within_the_noise)
{
    json_t *c = compare(run_of(1000, 2, 10, "unary"), run_of(2000, 1, 10, "unary"));
    expect(c, "calls/s", 2, "faster");
    expect(c, "call p50", 0.5, "faster");
    cr_expect_null(bench_compare_slower(c, 0));
    json_decref(c);
    c = compare(run_of(1000, 2, 10, "unary"), run_of(990, 2.02, 10, "unary"));
    expect(c, "calls/s", 0.99, "same");
    expect(c, "call p50", 1.01, "same");
    cr_expect_null(bench_compare_slower(c, 0.001), "that is noise");
    json_decref(c);
    assert_no_leaks();
}

Test(bench_compare, a_run_too_short_for_its_noise_is_judged_by_its_ratio)
{
    json_t *c = compare(run_of(1000, 2, 10, "unary"), run_of(800, 2.5, 4, "unary"));
    expect(c, "calls/s", 0.8, "unknown");
    cr_expect_not_null(bench_compare_slower(c, 0.1));
    cr_expect_null(bench_compare_slower(c, 0.3));
    json_decref(c);
}

Test(bench_compare, settings_that_differ)
{
    json_t *now = run_of(1, 1, 9, "unary"), *settings = json_object_get(now, "settings");
    json_object_set_new(settings, "streams", json_integer(4));
    json_object_set_new(settings, "prefix", json_string("q"));
    json_object_set_new(settings, "target", json_string("\x1b[2J"));
    json_t *c = compare(run_of(1, 1, 9, "unary"), now);
    cr_expect_eq(json_array_size(json_object_get(c, "differs")), 2);
    struct buf *b = buf_new(0);
    cr_assert(bench_put_comparison(b, c) && buf_append(b, bytes_of("", 1)));
    const char *table = (const char *)b->data;
    static const char *const has[] = {
        "\ncompared with before.json, a run of 2026-11-28T10:00:00Z\n",
        "\n                         before          now    ratio\n",
        "\ncall p50                1.00 ms      1.00 ms    1.000  within the noise\n",
        "\nfirst answer p50         500 µs       500 µs    1.000  noise not known\n",
        "\nsettings that differ: streams 1, now 4; target none, now \\x1b[2J\n",
    };
    for (size_t i = 0; i < sizeof has / sizeof has[0]; i++)
        cr_expect_not_null(strstr(table, has[i]), "%s in\n%s", has[i], table);
    buf_unref(b);
    json_decref(c);
    assert_no_leaks();
}

/* --- Files -------------------------------------------------------------------------- */

static const char *load(const char *content, char why[256])
{
    char *dir = tmpdir_make(), path[256];
    snprintf(path, sizeof path, "%s/x.json", dir);
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL && fputs(content, f) >= 0 && fclose(f) == 0);
    json_t *report = bench_compare_load(path, "unary", why, 256);
    const bool loaded = report != NULL;
    json_decref(report);
    tmpdir_remove(dir);
    return loaded ? NULL : why;
}

Test(bench_compare, files_that_are_no_such_report)
{
    static const struct {
        const char *content, *why;
    } cases[] = {
        { "", "cannot read" },
        { "{", "cannot read" },
        { "[]", "is not a JSON report of postcli bench" },
        { "{\"program\":\"wrk\",\"settings\":{\"shape\":\"unary\"}}", "is not a JSON report" },
        { "{\"program\":\"postcli bench\"}", "is not a JSON report" },
        { "{\"program\":\"postcli bench\",\"settings\":{\"shape\":\"bidi\"}}",
          "is of bidi, and cannot be compared with unary" },
    };
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *said = load(cases[i].content, why);
        cr_expect(said != NULL && strstr(said, cases[i].why) != NULL, "%s: %s", cases[i].content,
                  said);
    }
    cr_expect_null(load("{\"program\":\"postcli bench\",\"settings\":{\"shape\":\"unary\"}}", why));
    cr_expect_null(bench_compare_load("/nonexistent/x.json", "unary", why, sizeof why));
    assert_no_leaks();
}

/* What a file holds may be anything: figures that are texts, points that are none. */
Test(bench_compare, a_report_with_odd_values)
{
    json_t *odd = json_pack("{s:s,s:{s:s},s:s,s:{s:s},s:{s:f},s:{s:f,s:[i,n,{s:s}]}}", "program",
                            "postcli bench", "settings", "shape", "unary", "rates", "many",
                            "latency_ms", "p50", "fast", "first_post_ms", "p50", -1.0, "series",
                            "interval_s", -3.0, "points", 1, "t", "x");
    json_t *c = compare(odd, run_of(1000, 2, 10, "unary"));
    cr_expect_eq(json_array_size(json_object_get(c, "rows")), 0);
    cr_expect_null(bench_compare_slower(c, 0));
    json_decref(c);
    assert_no_leaks();
}
