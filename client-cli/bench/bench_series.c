#include "bench_series.h"

#include <string.h>

void series_init(struct series *s, uint64_t origin_ns)
{
    memset(s, 0, sizeof *s);
    s->origin_ns = origin_ns;
    s->interval_ns = SERIES_SECOND_NS;
}

void series_close(struct series *s)
{
    for (size_t i = 0; i < s->n; i++)
        hist_close(&s->point[i].latency);
    s->n = 0;
}

/* @from is empty afterwards. */
static void point_merge(struct series_point *p, struct series_point *from)
{
    p->calls += from->calls;
    p->failed += from->failed;
    p->posts += from->posts;
    p->messages += from->messages;
    p->bytes += from->bytes;
    if (from->latency.counts != NULL && p->latency.counts != NULL) {
        hist_merge(&p->latency, &from->latency);
        hist_close(&from->latency);
    } else if (from->latency.counts != NULL) {
        p->latency = from->latency; /* and its memory */
    }
    *from = (struct series_point){ 0 };
}

static void double_interval(struct series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct series_point moved = s->point[i];
        s->point[i] = (struct series_point){ 0 };
        point_merge(&s->point[i / 2], &moved);
    }
    s->n = (s->n + 1) / 2;
    s->interval_ns *= 2;
}

struct series_point *series_at(struct series *s, uint64_t now_ns)
{
    uint64_t after_ns = now_ns > s->origin_ns ? now_ns - s->origin_ns : 0;
    while (after_ns / s->interval_ns >= SERIES_POINTS)
        double_interval(s);
    size_t i = (size_t)(after_ns / s->interval_ns);
    if (i >= s->n)
        s->n = i + 1;
    return &s->point[i];
}

void series_point_add(struct series_point *p, uint64_t latency_ns)
{
    if (p->latency.counts == NULL && hist_init(&p->latency, HIST_COARSE) != 0)
        return;
    hist_add(&p->latency, latency_ns);
}

void series_merge(struct series *s, struct series *from)
{
    while (s->interval_ns < from->interval_ns)
        double_interval(s);
    while (from->interval_ns < s->interval_ns)
        double_interval(from);
    for (size_t i = 0; i < from->n; i++)
        point_merge(&s->point[i], &from->point[i]);
    s->n = s->n > from->n ? s->n : from->n;
}
