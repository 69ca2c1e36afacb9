/* The stats as CSV (RFC 4180, with plain line ends): one row for a run, and one row for each
 * interval of it. Both are made of the JSON, so that all reports say the same. */
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"

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

static bool put(struct buf *b, const char *text)
{
    return buf_append(b, bytes_of_text(text));
}

/* In quotes where a comma, a quote or a line's end would be taken for the table's own. */
static bool put_text(struct buf *b, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0')
        return put(b, text);
    bool good = put(b, "\"");
    for (size_t n; *text != '\0' && good; text += n) {
        const bool quote = *text == '"';
        n = quote ? 1 : strcspn(text, "\"");
        good = (!quote || put(b, "\"")) && buf_append(b, bytes_of(text, n));
    }
    return good && put(b, "\"");
}

/* A value that is not there, such as the median of no calls, is an empty cell. */
static bool put_value(struct buf *b, const json_t *value)
{
    char number[64];
    if (value == NULL)
        return true;
    if (json_is_string(value))
        return put_text(b, json_string_value(value));
    if (json_is_boolean(value))
        return put(b, json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(number, sizeof number, "%.12g", json_real_value(value));
    return put(b, number);
}

static bool put_head(struct buf *b, const struct column *columns, size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n; i++)
        good = good && put(b, columns[i].name) && put(b, i + 1 < n ? "," : "\n");
    return good;
}

static bool put_row(struct buf *b, const struct column *columns, size_t n, const json_t *from)
{
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        const struct column *c = &columns[i];
        const json_t *o = c->object != NULL ? json_object_get(from, c->object) : from;
        good = good && put_value(b, json_object_get(o, c->key)) && put(b, i + 1 < n ? "," : "\n");
    }
    return good;
}

bool bench_put_csv(struct buf *b, const json_t *json)
{
    return put_head(b, run_columns, COUNT(run_columns)) &&
           put_row(b, run_columns, COUNT(run_columns), json);
}

bool bench_put_intervals(struct buf *b, const json_t *json)
{
    const json_t *points = json_object_get(json_object_get(json, "series"), "points");
    const json_t *point;
    size_t i;
    bool good = put_head(b, interval_columns, COUNT(interval_columns));
    json_array_foreach(points, i, point) good =
        good && put_row(b, interval_columns, COUNT(interval_columns), point);
    return good;
}
