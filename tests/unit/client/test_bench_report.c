/* The stats as a table, as JSON and as a page. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/bench/bench_live.h"
#include "client-cli/bench/bench_report.h"
#include "lib/leaks.h"

#define MS UINT64_C(1000000)

static struct bench_plan plan = {
    .shape = BENCH_SERVER,
    .target = "localhost:9001",
    .user_target = "localhost:9000",
    .connections = 2,
    .streams = 3,
    .loops = 1,
    .count = 100,
    .items = 1,
    .tag = "",
    .slow_text = "",
    .users_text = "",
};

/* 100 calls of 1 to 100 ms within two seconds, and one that failed. */
static struct stats *some_stats(void)
{
    static const char evil[] = "</script><!-- \x1b[2J &";
    struct stats *s = calloc(1, sizeof *s);
    cr_assert_eq(stats_init(s, 0), 0);
    for (uint64_t i = 1; i <= 100; i++) {
        struct series_point *p = series_at(&s->series, i * 20 * MS - 1);
        hist_add(&s->latency, i * MS);
        hist_add(&s->first, i * MS / 2);
        hist_add(&s->gap, i * MS / 10);
        series_point_add(p, i * MS);
        p->calls++;
        p->posts += 10;
    }
    hist_add(&s->failed, 5 * MS);
    stats_code(&s->calls, STATUS_OK, "", 0, 100);
    stats_code(&s->calls, STATUS_INTERNAL, evil, sizeof evil - 1, 1);
    s->end_ns = 2000 * MS;
    s->begun = 101;
    s->posts = 1000;
    s->messages = 200;
    s->bytes = 5000000;
    return s;
}

static void free_stats(struct stats *s)
{
    stats_close(s);
    free(s);
}

static double number(const json_t *o, const char *a, const char *b)
{
    return json_number_value(json_object_get(json_object_get(o, a), b));
}

static json_t *json_of(const struct stats *s, const char *command)
{
    struct bench_report r = { .plan = &plan, .stats = s, .command = command, .started = 86400 };
    json_t *json = bench_report_json(&r);
    cr_assert_not_null(json);
    return json;
}

Test(bench_report, json)
{
    struct stats *s = some_stats();
    json_t *json = json_of(s, "postcli bench");
    cr_expect_eq(number(json, "totals", "calls"), 101);
    cr_expect_eq(number(json, "totals", "failed"), 1);
    cr_expect_eq(number(json, "totals", "posts"), 1000);
    cr_expect_eq(number(json, "totals", "bytes"), 5000000);
    cr_expect_eq(number(json, "rates", "posts_per_s"), 500);
    cr_expect_eq(number(json, "rates", "mb_per_s"), 2.5);
    cr_expect_float_eq(number(json, "latency_ms", "p50"), 50, 0.05);
    cr_expect_float_eq(number(json, "latency_ms", "p99"), 99, 0.1);
    cr_expect_eq(number(json, "latency_ms", "max"), 100);
    cr_expect_float_eq(number(json, "gap_ms", "max"), 10, 1e-9);
    cr_expect_eq(number(json, "late_start_ms", "count"), 0);
    cr_expect_not(json_is_true(json_object_get(json, "ok")));
    cr_expect_str_eq(json_string_value(json_object_get(json, "started")), "1970-01-02T00:00:00Z");
    cr_expect_eq(json_array_size(json_object_get(json_object_get(json, "series"), "points")), 2);

    double bars = 0;
    json_t *bar;
    size_t i;
    json_array_foreach(json_object_get(json, "histogram"), i, bar) bars +=
        json_number_value(json_array_get(bar, 2));
    cr_expect_eq(bars, 100, "every call is in a bar");
    json_t *curve = json_object_get(json, "percentiles");
    json_t *last = json_array_get(curve, json_array_size(curve) - 1);
    cr_expect_eq(json_number_value(json_array_get(last, 0)), 1);
    cr_expect_eq(json_number_value(json_array_get(last, 1)), 100);
    json_decref(json);
    free_stats(s);
    assert_no_leaks();
}

static char *page_of(const json_t *json)
{
    struct buf *b = buf_new(0);
    cr_assert(bench_put_html(b, json) && buf_append(b, bytes_of("", 1)));
    char *page = strdup((const char *)b->data);
    cr_assert_eq(strlen(page) + 1, b->len);
    buf_unref(b);
    return page;
}

Test(bench_report, the_page_has_the_json_and_fetches_nothing)
{
    static const char *const fetching[] = { "http:",   "https:",  "src=",    "href=",     "url(",
                                            "@import", "fetch(",  "//cdn",   "XMLHttp",   "<link",
                                            "<img",    "<iframe", "import(", "WebSocket(" };
    static const char open[] = "<script type=\"application/json\" id=\"data\">";
    struct stats *s = some_stats();
    json_t *json = json_of(s, "postcli bench --tag '</script>'");
    char *page = page_of(json);
    for (size_t i = 0; i < sizeof fetching / sizeof fetching[0]; i++)
        cr_expect_null(strstr(page, fetching[i]), "%s", fetching[i]);
    cr_expect_not_null(strstr(page, "default-src 'none'"));

    char *start = strstr(page, open);
    cr_assert_not_null(start);
    start += sizeof open - 1;
    char *end = strstr(start, "</script>");
    cr_assert_not_null(end);
    json_t *back = json_loadb(start, (size_t)(end - start), 0, NULL);
    cr_assert_not_null(back, "a script's end in a text does not end the script");
    cr_expect(json_equal(back, json));
    json_decref(back);
    json_decref(json);
    free(page);
    free_stats(s);
    assert_no_leaks();
}

static char *table_of(const struct stats *s)
{
    struct bench_report r = { .plan = &plan, .stats = s, .command = "", .started = 0 };
    struct buf *b = buf_new(0);
    cr_assert(bench_put_table(b, &r) && buf_append(b, bytes_of("", 1)));
    char *table = strdup((const char *)b->data);
    buf_unref(b);
    return table;
}

Test(bench_report, table)
{
    struct stats *s = some_stats();
    char *table = table_of(s);
    static const char *const has[] = {
        "v1.post.Post/ListPostsServerStream at localhost:9001\n",
        "2 connections of 3 streams, closed loop, 2.000 s\n"
        "each call asks for all posts of everybody\n",
        "calls                     101            50.50/s\n",
        "posts                   1,000              500/s\n",
        "data                 5.000 MB         2.500 MB/s\n",
        "50.0 ms",
        "99.0 ms",
        "\ncalls      INTERNAL                         1  </script><!-- \\x1b[2J &\n",
    };
    for (size_t i = 0; i < sizeof has / sizeof has[0]; i++)
        cr_expect_not_null(strstr(table, has[i]), "%s in\n%s", has[i], table);
    cr_expect_null(strstr(table, "late start"), "there is no schedule");
    free(table);
    free_stats(s);
    assert_no_leaks();
}

static char *csv_of(const json_t *json, bool (*put)(struct buf *b, const json_t *json))
{
    struct buf *b = buf_new(0);
    cr_assert(put(b, json) && buf_append(b, bytes_of("", 1)));
    char *csv = strdup((const char *)b->data);
    buf_unref(b);
    return csv;
}

static bool put_run(struct buf *b, const json_t *json)
{
    return bench_put_csv(b, json, false);
}

Test(bench_report, csv)
{
    struct stats *s = some_stats();
    plan.tag = "\"x\", y";
    plan.users_text = "u1\nu2";
    json_t *json = json_of(s, "");
    char *run = csv_of(json, put_run), *seconds = csv_of(json, bench_put_intervals);
    cr_expect_not_null(strstr(run, "started,shape,method,"));
    cr_expect_not_null(strstr(run, "\r\n1970-01-02T00:00:00Z,server-stream,/v1.post.Post/"));
    cr_expect_not_null(strstr(run, ",\"u1\nu2\",\"\"\"x\"\", y\",,"), "%s", run);
    cr_expect_not_null(strstr(run, ",false,101,1,0,0,0,1000,200,5000000,50.5,500,100,2.5,"));
    cr_expect_eq(strncmp(seconds, "start_s,calls,failed,posts,messages,bytes,p50_ms,", 49), 0);
    cr_expect_not_null(strstr(seconds, "\n0,50,0,500,0,0,"));
    cr_expect_not_null(strstr(seconds, "\n1,50,0,500,0,0,"));
    free(run);
    free(seconds);
    json_decref(json);
    free_stats(s);
    assert_no_leaks();
}

/* Columns, not bytes: "µs" has one more of these. */
Test(bench_report, times_stand_below_each_other)
{
    struct stats *s = calloc(1, sizeof *s);
    cr_assert_eq(stats_init(s, 0), 0);
    hist_add(&s->latency, 5000);
    hist_add(&s->failed, 5 * MS);
    char *table = table_of(s);
    cr_expect_not_null(strstr(table, "\ncall             5.00 µs   5.00 µs   5.00 µs"), "%s",
                       table);
    cr_expect_not_null(strstr(table, "\nfailed call      5.00 ms   5.00 ms   5.00 ms"), "%s",
                       table);
    free(table);
    free_stats(s);
    assert_no_leaks();
}

Test(bench_report, nothing_happened)
{
    struct stats *s = calloc(1, sizeof *s);
    cr_assert_eq(stats_init(s, 5), 0);
    json_t *json = json_of(s, "\xff");
    cr_expect_eq(json_array_size(json_object_get(json, "percentiles")), 0);
    cr_expect_eq(json_array_size(json_object_get(json, "histogram")), 0);
    char *page = page_of(json), *table = table_of(s);
    free(page);
    free(table);
    json_decref(json);
    free_stats(s);
    assert_no_leaks();
}

/* What the second really took counts, not what it should have. */
Test(bench_live, rates_are_of_the_time_between)
{
    struct bench_live l;
    char text[256];
    bench_live_init(&l, "posts");
    bench_live_begin(&l, false, 1000 * MS);
    l.before = (struct load_sample){ .at_ns = 2000 * MS, .calls = 100, .posts = 1000 };
    struct load_sample s = { .at_ns = 4000 * MS,
                             .calls = 300,
                             .posts = 5000,
                             .messages = 40,
                             .bytes = 3000000,
                             .slowest_ns = 7 * MS,
                             .open = 2,
                             .failed = 1 };
    bench_live_text(text, sizeof text, &l, &s);
    cr_expect_str_eq(text, "3s  100 calls/s  2,000 posts/s  20 messages/s  1.5 MB/s  "
                           "slowest 7.0 ms  2 open  1 failed");
}
