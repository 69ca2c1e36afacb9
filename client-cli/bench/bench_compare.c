#include "bench_compare.h"

#include <stdio.h>
#include <string.h>

#include "bench_noise.h"
#include "bench_series.h"

#define RATIO_DIGITS 1e4

struct measure {
    const char *object, *key; /* of the report */
    const char *in_interval;  /* of a point of its series; NULL: it is not in there */
    const char *what;         /* part of its name */
    bool rate;                /* more is better, and a point has a sum for its interval */
    bool judged;              /* few calls decide about the others */
};

static const struct measure measures[] = {
    { "rates", "calls_per_s", "calls", "calls/s", true, true },
    { "rates", "posts_per_s", "posts", "/s", true, true }, /* behind the unit */
    { "latency_ms", "p50", "p50_ms", "p50", false, true },
    { "latency_ms", "p90", "p90_ms", "p90", false, true },
    { "latency_ms", "p99", "p99_ms", "p99", false, true },
    { "latency_ms", "p99_9", "p99_9_ms", "p99.9", false, false },
    { "latency_ms", "max", "max_ms", "max", false, false },
    { "first_post_ms", "p50", NULL, "p50", false, false },
    { "first_post_ms", "p99", NULL, "p99", false, false },
};

static const json_t *get(const json_t *report, const char *object, const char *key)
{
    return json_object_get(json_object_get(report, object), key);
}

static const char *get_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

/* --- Reading ------------------------------------------------------------------------ */

json_t *bench_compare_load(const char *path, const char *shape, char *why, size_t size)
{
    json_error_t error;
    json_t *report = json_load_file(path, 0, &error);
    if (report == NULL) {
        snprintf(why, size, "--compare: cannot read %s: %s", path, error.text);
        return NULL;
    }
    const char *of = json_string_value(get(report, "settings", "shape"));
    if (strcmp(get_text(report, "program"), "postcli bench") != 0 || of == NULL)
        snprintf(why, size, "--compare: %s is not a JSON report of postcli bench", path);
    else if (strcmp(of, shape) != 0)
        snprintf(why, size, "--compare: %s is of %s, and cannot be compared with %s", path, of,
                 shape);
    else
        return report;
    json_decref(report);
    return NULL;
}

/* --- Noise -------------------------------------------------------------------------- */

/* Of the intervals that the run has filled; the last one it has filled in part. */
static struct noise noise_in(const json_t *report, const struct measure *m)
{
    double values[SERIES_POINTS];
    size_t n = 0, i;
    const double interval_s = json_number_value(get(report, "series", "interval_s"));
    const double elapsed_s = json_number_value(json_object_get(report, "elapsed_s"));
    const json_t *point;
    if (m->in_interval == NULL || interval_s <= 0)
        return noise_of(values, 0);
    json_array_foreach(get(report, "series", "points"), i, point)
    {
        const json_t *value = json_object_get(point, m->in_interval);
        const double end_s = json_number_value(json_object_get(point, "t")) + interval_s;
        if (!json_is_number(value) || end_s > elapsed_s || n == SERIES_POINTS)
            continue;
        values[n++] = json_number_value(value) / (m->rate ? interval_s : 1);
    }
    return noise_of(values, n);
}

static const char *verdict_of(const struct measure *m, const json_t *before, const json_t *now,
                              double ratio)
{
    const struct noise then_noise = noise_in(before, m), now_noise = noise_in(now, m);
    if (!then_noise.known || !now_noise.known)
        return "unknown";
    /* That the halves lie apart in one direction, and the figures in the other, is noise too. */
    const bool more = now_noise.low > then_noise.high;
    if (!noise_apart(&then_noise, &now_noise) || more != (ratio > 1))
        return "same";
    return more == m->rate ? "faster" : "slower";
}

/* --- The comparison ----------------------------------------------------------------- */

/* "calls/s", "names/s", "call p50", "first answer p99" */
static void put_name(char *ret, size_t size, const struct measure *m, const json_t *report)
{
    const char *of = json_string_value(get(report, "names", m->object));
    if (!m->rate)
        snprintf(ret, size, "%s %s", of != NULL ? of : "call", m->what);
    else
        snprintf(ret, size, "%s%s", *m->what == '/' ? get_text(report, "unit") : "", m->what);
}

/* NULL: one of the two runs has no such figure. */
static json_t *row_of(const struct measure *m, const json_t *before, const json_t *now)
{
    char name[64];
    const json_t *old = get(before, m->object, m->key), *new = get(now, m->object, m->key);
    if (!json_is_number(old) || !json_is_number(new) || json_number_value(old) <= 0)
        return NULL;
    const double ratio = json_number_value(new) / json_number_value(old);
    put_name(name, sizeof name, m, now);
    return json_pack("{s:s,s:f,s:f,s:f,s:s,s:b,s:s}", "name", name, "before",
                     json_number_value(old), "now", json_number_value(new), "ratio",
                     (double)(int64_t)(ratio * RATIO_DIGITS + 0.5) / RATIO_DIGITS, "verdict",
                     verdict_of(m, before, now, ratio), "judged", m->judged, "better",
                     m->rate ? "more" : "less");
}

static json_t *rows_of(const json_t *before, const json_t *now)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        json_t *row = row_of(&measures[i], before, now);
        if (row != NULL)
            json_array_append_new(rows, row);
    }
    return rows;
}

/* The ids that an import makes are others in each run, and what is asked follows from the rest. */
static bool says_nothing(const char *setting)
{
    return strcmp(setting, "prefix") == 0 || strcmp(setting, "asks") == 0;
}

static json_t *differences(const json_t *before, const json_t *now)
{
    json_t *list = json_array();
    const char *setting;
    json_t *value;
    json_object_foreach(json_object_get(now, "settings"), setting, value)
    {
        json_t *old = json_object_get(json_object_get(before, "settings"), setting);
        if (old != NULL && !says_nothing(setting) && !json_equal(old, value))
            json_array_append_new(
                list, json_pack("{s:s,s:O,s:O}", "setting", setting, "before", old, "now", value));
    }
    return list;
}

json_t *bench_compare(const json_t *before, const char *path, const json_t *now)
{
    json_t *percentiles = json_object_get(before, "percentiles");
    json_t *c = json_pack("{s:s,s:s,s:s,s:o,s:o}", "file", path, "command",
                          get_text(before, "command"), "started", get_text(before, "started"),
                          "differs", differences(before, now), "rows", rows_of(before, now));
    if (c != NULL && json_is_array(percentiles))
        json_object_set(c, "percentiles", percentiles);
    return c;
}

/* Without noise that is known the ratio alone decides. */
const json_t *bench_compare_slower(const json_t *comparison, double part)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(comparison, "rows"), i, row)
    {
        const double ratio = json_number_value(json_object_get(row, "ratio"));
        const bool more = strcmp(get_text(row, "better"), "more") == 0;
        const char *verdict = get_text(row, "verdict");
        const bool beyond = more ? ratio < 1 - part : ratio > 1 + part;
        if (json_is_true(json_object_get(row, "judged")) && beyond && strcmp(verdict, "same") != 0)
            return row;
    }
    return NULL;
}
