/* The stats as JSON: also what the page of HTML draws. */
#include <stdlib.h>
#include <string.h>

#include "bench_asks.h"
#include "bench_report.h"

#define MS_NS 1e6

static double round_to(double value, double digits)
{
    return (double)(int64_t)(value * digits + 0.5) / digits;
}

static json_t *ms(double ns)
{
    return json_real(round_to(ns / MS_NS, 1e5));
}

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* Options may be anything; JSON is UTF-8. */
static json_t *text(const char *t)
{
    json_t *string = json_string(t);
    return string != NULL ? string : json_string("(not UTF-8)");
}

static json_t *times(const struct hist *h)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = { { "p50", 0.5 },  { "p75", 0.75 },    { "p90", 0.9 },      { "p95", 0.95 },
                      { "p99", 0.99 }, { "p99_9", 0.999 }, { "p99_99", 0.9999 } };
    json_t *o = json_pack("{s:o}", "count", count(h->n));
    if (o == NULL || h->n == 0)
        return o;
    json_object_set_new(o, "min", ms((double)h->least));
    json_object_set_new(o, "mean", ms(hist_mean(h)));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        json_object_set_new(o, quantiles[i].name, ms((double)hist_quantile(h, quantiles[i].q)));
    json_object_set_new(o, "max", ms((double)h->most));
    return o;
}

static json_t *codes(const struct stats_codes *c)
{
    json_t *list = json_array();
    for (int i = 0; i < STATS_CODES; i++) {
        if (c->count[i] == 0)
            continue;
        json_t *o = json_pack("{s:s,s:o}", "code", status_name(i), "count", count(c->count[i]));
        if (c->first[i] != NULL)
            json_object_set_new(o, "first_message", text(c->first[i]));
        json_array_append_new(list, o);
    }
    return list;
}

/* Five steps to each halving of what is left, as HdrHistogram prints it. */
static json_t *percentile_curve(const struct hist *h)
{
    json_t *list = json_array();
    double left = 1;
    for (int i = 0; h->n > 0 && left * (double)h->n >= 0.5; i++, left *= 0.87055056)
        json_array_append_new(list, json_pack("[f,o]", round_to(1 - left, 1e9),
                                              ms((double)hist_quantile(h, 1 - left))));
    if (h->n > 0)
        json_array_append_new(list, json_pack("[f,o]", 1.0, ms((double)h->most)));
    return list;
}

static json_t *histogram(const struct hist *h)
{
    static const double step = 1.1220184543019633; /* 20 bars to a factor of ten */
    json_t *list = json_array();
    double from = 1000;                                        /* 1 µs */
    while (h->n > 0 && from * step * 1.01 <= (double)h->least) /* the bucket may begin earlier */
        from *= step;
    if (h->n > 0 && h->least < 1000)
        json_array_append_new(list,
                              json_pack("[f,o,o]", 0.0, ms(1000), count(hist_between(h, 0, 1000))));
    for (; h->n > 0 && from <= (double)h->most; from *= step) {
        uint64_t n = hist_between(h, (uint64_t)from, (uint64_t)(from * step));
        json_array_append_new(list, json_pack("[o,o,o]", ms(from), ms(from * step), count(n)));
    }
    return list;
}

static json_t *point(const struct series_point *p, double at_s)
{
    json_t *o = json_pack("{s:f,s:o,s:o,s:o,s:o,s:o}", "t", at_s, "calls", count(p->calls),
                          "failed", count(p->failed), "posts", count(p->posts), "messages",
                          count(p->messages), "bytes", count(p->bytes));
    if (o == NULL || p->latency.counts == NULL)
        return o;
    json_object_set_new(o, "p50_ms", ms((double)hist_quantile(&p->latency, 0.5)));
    json_object_set_new(o, "p90_ms", ms((double)hist_quantile(&p->latency, 0.9)));
    json_object_set_new(o, "p99_ms", ms((double)hist_quantile(&p->latency, 0.99)));
    json_object_set_new(o, "p99_9_ms", ms((double)hist_quantile(&p->latency, 0.999)));
    json_object_set_new(o, "max_ms", ms((double)p->latency.most));
    return o;
}

static json_t *series(const struct series *s)
{
    json_t *points = json_array();
    double interval_s = (double)s->interval_ns / (double)SERIES_SECOND_NS;
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(points, point(&s->point[i], (double)i * interval_s));
    return json_pack("{s:f,s:o}", "interval_s", interval_s, "points", points);
}

static json_t *settings(const struct bench_plan *p)
{
    const struct bench_kind *kind = plan_kind(p);
    char asks[BENCH_ASKS_MAX];
    json_t *o = json_pack("{s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:f,s:I,s:f,s:f,s:I}", "shape", kind->name,
                          "method", plan_path(p), "target",
                          text(kind->user_service ? p->user_target : p->target), "connections",
                          (json_int_t)p->connections, "streams", (json_int_t)p->streams, "loops",
                          (json_int_t)p->loops, "rate", (json_int_t)p->rate, "duration_s",
                          (double)p->duration_ms / 1e3, "count", (json_int_t)p->count, "warmup_s",
                          (double)p->warmup_ms / 1e3, "deadline_s", (double)p->deadline_ms / 1e3,
                          "ids", (json_int_t)p->items);
    json_object_set_new(o, "asks", text(bench_asks(asks, p)));
    json_object_set_new(o, "users", text(p->users_text));
    json_object_set_new(o, "page_size", json_integer((json_int_t)p->page_size));
    json_object_set_new(o, "limit", json_integer((json_int_t)p->limit));
    json_object_set_new(o, "tag", text(p->tag));
    json_object_set_new(o, "slow_reader", text(p->slow_text));
    json_object_set_new(o, "max_error_rate", text(p->errors.text));
    if (p->prefix != NULL)
        json_object_set_new(o, "prefix", text(p->prefix));
    return o;
}

static json_t *totals(const struct stats *s)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "calls", count(stats_ended(s)),
                     "ok", count(s->calls.count[STATUS_OK]), "failed", count(stats_failed(s)),
                     "flawed", count(s->flawed), "cut", count(s->cut), "cut_oldest_ms",
                     ms((double)s->cut_oldest_ns), "unstarted", count(s->unstarted), "posts",
                     count(s->posts), "messages", count(s->messages), "bytes", count(s->bytes));
}

static json_t *rates(const struct stats *s)
{
    double seconds = stats_seconds(s);
    return json_pack("{s:f,s:f,s:f,s:f}", "calls_per_s",
                     round_to((double)stats_ended(s) / seconds, 100), "posts_per_s",
                     round_to((double)s->posts / seconds, 100), "messages_per_s",
                     round_to((double)s->messages / seconds, 100), "mb_per_s",
                     round_to((double)s->bytes / 1e6 / seconds, 1000));
}

/* What the times are of. */
static json_t *names(const struct bench_plan *p)
{
    return json_pack("{s:s,s:s}", "latency_ms", plan_kind(p)->time, "first_post_ms",
                     plan_kind(p)->first);
}

static json_t *follow(const struct stats_follow *f)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "followers", count(f->followers), "missed",
                     count(f->missed), "doubled", count(f->doubled), "breaks", count(f->breaks));
}

json_t *bench_report_json(const struct bench_report *r)
{
    char started[32] = "";
    struct tm utc;
    const struct stats *s = r->stats;
    gmtime_r(&r->started, &utc);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *o =
        json_pack("{s:s,s:o,s:s,s:b,s:b,s:b,s:f,s:s}", "program", "postcli bench", "command",
                  text(r->command), "started", started, "interrupted", r->interrupted,
                  "too_many_errors", r->too_many_errors, "ok", stats_ok(s, r->plan->errors.part),
                  "elapsed_s", round_to(stats_seconds(s), 1e6), "unit", plan_kind(r->plan)->unit);
    if (o == NULL)
        return NULL;
    int rv = json_object_set_new(o, "settings", settings(r->plan));
    rv |= json_object_set_new(o, "totals", totals(s));
    rv |= json_object_set_new(o, "rates", rates(s));
    rv |= json_object_set_new(o, "names", names(r->plan));
    if (r->plan->shape == BENCH_FOLLOW)
        rv |= json_object_set_new(o, "follow", follow(&s->follow));
    rv |= json_object_set_new(o, "latency_ms", times(&s->latency));
    rv |= json_object_set_new(o, "failed_latency_ms", times(&s->failed));
    rv |= json_object_set_new(o, "first_post_ms", times(&s->first));
    rv |= json_object_set_new(o, "gap_ms", times(&s->gap));
    rv |= json_object_set_new(o, "late_start_ms", times(&s->late));
    rv |= json_object_set_new(o, "codes", codes(&s->calls));
    rv |= json_object_set_new(o, "request_errors", codes(&s->errors));
    rv |= json_object_set_new(o, "percentiles", percentile_curve(&s->latency));
    rv |= json_object_set_new(o, "histogram", histogram(&s->latency));
    rv |= json_object_set_new(o, "series", series(&s->series));
    if (rv == 0)
        return o;
    json_decref(o);
    return NULL;
}

bool bench_put_json(struct buf *b, const json_t *json)
{
    char *all = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    bool good =
        all != NULL && buf_append(b, bytes_of_text(all)) && buf_append(b, bytes_of_text("\n"));
    free(all);
    return good;
}
