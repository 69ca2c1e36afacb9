/* The stats as CSV: one row for a run, and one row for each interval of it. Both are made of the
 * JSON, so that all reports say the same. */
#include <stdio.h>

#include "bench_report.h"
#include "client-cli/output/csv.h"

/* A column is a member of the report, or of an object in it. */
struct column {
    const char *name;
    const char *object; /* NULL: the report's own */
    const char *key;
};

static const struct column run_columns[] = {
    { "started", NULL, "started" },
    { "shape", "settings", "shape" },
    { "method", "settings", "method" },
    { "target", "settings", "target" },
    { "connections", "settings", "connections" },
    { "streams", "settings", "streams" },
    { "loops", "settings", "loops" },
    { "rate", "settings", "rate" },
    { "ids", "settings", "ids" },
    { "page_size", "settings", "page_size" },
    { "limit", "settings", "limit" },
    { "users", "settings", "users" },
    { "tag", "settings", "tag" },
    { "slow_reader", "settings", "slow_reader" },
    { "elapsed_s", NULL, "elapsed_s" },
    { "ok", NULL, "ok" },
    { "calls", "totals", "calls" },
    { "failed", "totals", "failed" },
    { "flawed", "totals", "flawed" },
    { "cut", "totals", "cut" },
    { "unstarted", "totals", "unstarted" },
    { "posts", "totals", "posts" },
    { "messages", "totals", "messages" },
    { "bytes", "totals", "bytes" },
    { "calls_per_s", "rates", "calls_per_s" },
    { "posts_per_s", "rates", "posts_per_s" },
    { "messages_per_s", "rates", "messages_per_s" },
    { "mb_per_s", "rates", "mb_per_s" },
    { "min_ms", "latency_ms", "min" },
    { "mean_ms", "latency_ms", "mean" },
    { "p50_ms", "latency_ms", "p50" },
    { "p90_ms", "latency_ms", "p90" },
    { "p99_ms", "latency_ms", "p99" },
    { "p99_9_ms", "latency_ms", "p99_9" },
    { "max_ms", "latency_ms", "max" },
    { "first_p50_ms", "first_post_ms", "p50" },
    { "first_p99_ms", "first_post_ms", "p99" },
};

/* Of an interval: `object` is not used. */
static const struct column interval_columns[] = {
    { "start_s", NULL, "t" },         { "calls", NULL, "calls" },
    { "failed", NULL, "failed" },     { "posts", NULL, "posts" },
    { "messages", NULL, "messages" }, { "bytes", NULL, "bytes" },
    { "p50_ms", NULL, "p50_ms" },     { "p90_ms", NULL, "p90_ms" },
    { "p99_ms", NULL, "p99_ms" },     { "p99_9_ms", NULL, "p99_9_ms" },
    { "max_ms", NULL, "max_ms" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COLUMNS_MAX  COUNT(run_columns)

#define VALUE_BYTES 32

/* A value that is not there, such as the median of no calls, is an empty cell. Returns the
 * value's own text, or @room. */
static const char *text_of(const json_t *value, char room[VALUE_BYTES])
{
    if (value == NULL)
        return "";
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (json_is_integer(value))
        snprintf(room, VALUE_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(room, VALUE_BYTES, "%.12g", json_real_value(value));
    return room;
}

static bool put_head(struct buf *b, const struct column *columns, size_t n, bool harmless)
{
    const char *cells[COLUMNS_MAX];
    for (size_t i = 0; i < n; i++)
        cells[i] = columns[i].name;
    return csv_put(b, cells, n, harmless);
}

static bool put_row(struct buf *b, const struct column *columns, size_t n, const json_t *from,
                    bool harmless)
{
    const char *cells[COLUMNS_MAX];
    char rooms[COLUMNS_MAX][VALUE_BYTES];
    for (size_t i = 0; i < n; i++) {
        const struct column *c = &columns[i];
        const json_t *o = c->object != NULL ? json_object_get(from, c->object) : from;
        cells[i] = text_of(json_object_get(o, c->key), rooms[i]);
    }
    return csv_put(b, cells, n, harmless);
}

bool bench_put_csv(struct buf *b, const json_t *json, bool harmless)
{
    return put_head(b, run_columns, COUNT(run_columns), harmless) &&
           put_row(b, run_columns, COUNT(run_columns), json, harmless);
}

bool bench_put_intervals(struct buf *b, const json_t *json)
{
    const json_t *points = json_object_get(json_object_get(json, "series"), "points");
    const json_t *point;
    size_t i;
    bool good = put_head(b, interval_columns, COUNT(interval_columns), false);
    json_array_foreach(points, i, point) good =
        good && put_row(b, interval_columns, COUNT(interval_columns), point, false);
    return good;
}
