/* The stats as a table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench_asks.h"
#include "bench_report.h"
#include "bench_sheet.h"
#include "client-cli/output/text.h"

#define TIME_COLUMNS 10

static void put_total(struct sheet *sheet, const char *what, uint64_t n, double seconds)
{
    char number[32], rate[32];
    double per_second = (double)n / seconds;
    text_number(number, n);
    if (per_second < 100)
        snprintf(rate, sizeof rate, "%.2f", per_second);
    else
        text_number(rate, (unsigned long long)(per_second + 0.5));
    sheet_put(sheet, "%-10s %18s %16s/s\n", what, number, rate);
}

static const char *calls_were(char ret[48], uint64_t n)
{
    text_number(ret, n);
    return strcat(ret, n == 1 ? " call was" : " calls were");
}

static void put_totals(struct sheet *sheet, const struct bench_report *r)
{
    const struct stats *s = r->stats;
    double seconds = stats_seconds(s), mb = (double)s->bytes / 1e6;
    char oldest[32], number[48];
    put_total(sheet, "calls", stats_ended(s), seconds);
    put_total(sheet, plan_kind(r->plan)->unit, s->posts, seconds);
    put_total(sheet, "messages", s->messages, seconds);
    sheet_put(sheet, "%-10s %15.3f MB %13.3f MB/s\n", "data", mb, mb / seconds);
    if (s->cut > 0)
        sheet_put(sheet, "%s still open at the end, and cut; the oldest ran for %s\n",
                  calls_were(number, s->cut), sheet_duration(oldest, (double)s->cut_oldest_ns));
    if (s->unstarted > 0)
        sheet_put(sheet, "%s due and found no free stream to the end\n",
                  calls_were(number, s->unstarted));
}

static void put_time(struct sheet *sheet, double ns)
{
    char text[32];
    sheet_put_right(sheet, sheet_duration(text, ns), TIME_COLUMNS);
}

static void put_times(struct sheet *sheet, const char *what, const struct hist *h)
{
    static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999 };
    if (h->n == 0)
        return;
    sheet_put(sheet, "%-14s", what);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        put_time(sheet, (double)hist_quantile(h, quantiles[i]));
    put_time(sheet, (double)h->most);
    put_time(sheet, hist_mean(h));
    sheet_put(sheet, "\n");
}

static void put_all_times(struct sheet *sheet, const struct bench_plan *p, const struct stats *s)
{
    sheet_put(sheet, "\n%-14s %9s %9s %9s %9s %9s %9s\n", "time", "p50", "p90", "p99", "p99.9",
              "max", "mean");
    put_times(sheet, plan_kind(p)->time, &s->latency);
    put_times(sheet, "failed call", &s->failed);
    put_times(sheet, plan_kind(p)->first, &s->first);
    put_times(sheet, "message gap", &s->gap);
    put_times(sheet, "late start", &s->late);
}

static void put_codes(struct sheet *sheet, const char *what, const struct stats_codes *c)
{
    char number[32];
    for (int i = 0; i < STATS_CODES; i++) {
        if (c->count[i] == 0)
            continue;
        sheet_put(sheet, "%-10s %-19s %14s", what, status_name(i),
                  text_number(number, c->count[i]));
        if (c->first[i] != NULL) {
            sheet_put(sheet, "  ");
            sheet_put_text(sheet, c->first[i]);
        }
        sheet_put(sheet, "\n");
    }
}

static void put_follow(struct sheet *sheet, const struct stats_follow *f)
{
    char followers[32], missed[32], doubled[32], breaks[32];
    sheet_put(sheet, "%-10s %34s  missed %s, doubled %s, went on after a break %s times\n",
              "followers", text_number(followers, f->followers), text_number(missed, f->missed),
              text_number(doubled, f->doubled), text_number(breaks, f->breaks));
}

static void put_setting(struct sheet *sheet, const char *name, int64_t n)
{
    if (n > 0)
        sheet_put(sheet, ", %s %" PRId64, name, n);
}

static const char *early_end(const struct bench_report *r)
{
    return r->too_many_errors ? " (ended early: too many errors)"
           : r->interrupted   ? " (interrupted)"
                              : "";
}

static void put_head(struct sheet *sheet, const struct bench_report *r)
{
    char asks[BENCH_ASKS_MAX];
    const struct bench_plan *p = r->plan;
    sheet_put(sheet, "%s ", plan_path(p) + 1);
    sheet_put(sheet, "at ");
    sheet_put_text(sheet, plan_kind(p)->user_service ? p->user_target : p->target);
    sheet_put(sheet, "\n%" PRId64 " connection%s of %" PRId64 " stream%s", p->connections,
              p->connections == 1 ? "" : "s", p->streams, p->streams == 1 ? "" : "s");
    put_setting(sheet, "loops", p->loops > 1 ? p->loops : 0);
    if (p->rate > 0)
        sheet_put(sheet, ", %" PRId64 " calls/s (open loop)", p->rate);
    else
        sheet_put(sheet, ", closed loop");
    sheet_put(sheet, ", %.3f s%s\n%s\n\n", stats_seconds(r->stats), early_end(r),
              bench_asks(asks, p));
}

bool bench_put_table(struct buf *b, const struct bench_report *r)
{
    struct sheet sheet = { .b = b };
    put_head(&sheet, r);
    put_totals(&sheet, r);
    put_all_times(&sheet, r->plan, r->stats);
    sheet_put(&sheet, "\n");
    put_codes(&sheet, "calls", &r->stats->calls);
    put_codes(&sheet, "requests", &r->stats->errors);
    if (r->plan->shape == BENCH_FOLLOW)
        put_follow(&sheet, &r->stats->follow);
    return !sheet.bad;
}
