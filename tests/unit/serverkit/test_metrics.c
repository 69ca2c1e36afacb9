/* Histograms, and metrics as text. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "serverkit/metrics/metrics.h"

#define MS(n) (1000000 * (uint64_t)(n))

static uint64_t bucket_of(uint64_t ns)
{
    struct histogram h = { 0 };
    histogram_observe(&h, ns);
    for (uint64_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        if (counter_get(&h.buckets[i]) == 1)
            return i;
    return UINT64_MAX;
}

/* A bound belongs to its bucket: "le". */
Test(histogram, bounds)
{
    cr_assert_eq(bucket_of(0), 0);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        cr_assert(i == 0 || histogram_bound_ns[i] > histogram_bound_ns[i - 1]);
        cr_assert_eq(bucket_of(histogram_bound_ns[i]), i);
        cr_assert_eq(bucket_of(histogram_bound_ns[i] + 1), i + 1);
    }
    cr_assert_eq(bucket_of(UINT64_MAX), HISTOGRAM_BOUNDS);
}

Test(histogram, sums)
{
    struct histogram a = { 0 }, b = { 0 };
    histogram_observe(&a, MS(1));
    histogram_observe(&b, MS(1));
    histogram_observe(&b, MS(20));
    histogram_merge(&a, &b);
    cr_assert_eq(counter_get(&a.sum_ns), MS(22));
    cr_assert_eq(counter_get(&a.buckets[3]), 2);
}

static const struct label item[] = { { "method", "List" }, { "code", "a\\b\"c\nd" } };
static const struct labels labels = { item, 2 };

static char *printed(void (*print)(struct exposition *e, void *arg))
{
    struct metrics m = { .n = 0 };
    size_t len;
    metrics_add(&m, print, NULL);
    char *text = metrics_text(&m, &len);
    cr_assert_not_null(text);
    cr_assert_eq(strlen(text), len);
    return text;
}

static void print_some(struct exposition *e, void *arg)
{
    (void)arg;
    exposition_family(e, "grpc_server", "started_total", METRIC_COUNTER, "Calls.");
    exposition_count(e, &labels, UINT64_MAX);
    exposition_single(e, "up_seconds", METRIC_GAUGE, "Since when.", 0.25);
}

Test(metrics, text)
{
    char *text = printed(print_some);
    cr_assert_str_eq(text, "# HELP grpc_server_started_total Calls.\n"
                           "# TYPE grpc_server_started_total counter\n"
                           "grpc_server_started_total{method=\"List\",code=\"a\\\\b\\\"c\\nd\"} "
                           "18446744073709551615\n"
                           "# HELP up_seconds Since when.\n"
                           "# TYPE up_seconds gauge\n"
                           "up_seconds 0.25\n");
    free(text);
}

static void print_histogram(struct exposition *e, void *arg)
{
    const struct labels one = { item, 1 };
    struct histogram h = { 0 };
    (void)arg;
    histogram_observe(&h, MS(2));
    histogram_observe(&h, MS(3));
    histogram_observe(&h, MS(90000));
    exposition_family(e, "", "took_seconds", METRIC_HISTOGRAM, "How long.");
    exposition_histogram(e, &one, &h);
}

Test(metrics, buckets_are_cumulative)
{
    char *text = printed(print_histogram);
    static const char *const want[] = {
        "took_seconds_bucket{method=\"List\",le=\"0.0001\"} 0\n",
        "took_seconds_bucket{method=\"List\",le=\"0.0025\"} 1\n",
        "took_seconds_bucket{method=\"List\",le=\"0.005\"} 2\n",
        "took_seconds_bucket{method=\"List\",le=\"60\"} 2\n",
        "took_seconds_bucket{method=\"List\",le=\"+Inf\"} 3\n",
        "took_seconds_sum{method=\"List\"} 90.005\n",
        "took_seconds_count{method=\"List\"} 3\n",
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        cr_assert_not_null(strstr(text, want[i]), "no %s in\n%s", want[i], text);
    free(text);
}
