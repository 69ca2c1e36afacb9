#include "bench_live.h"

#include <inttypes.h>
#include <stdio.h>

#include "client-cli/output/text.h"

void load_sample_add(struct load_sample *sum, const struct load_sample *s)
{
    sum->at_ns = s->at_ns > sum->at_ns ? s->at_ns : sum->at_ns;
    sum->calls += s->calls;
    sum->failed += s->failed;
    sum->bad += s->bad;
    sum->posts += s->posts;
    sum->messages += s->messages;
    sum->bytes += s->bytes;
    sum->slowest_ns = s->slowest_ns > sum->slowest_ns ? s->slowest_ns : sum->slowest_ns;
    sum->open += s->open;
}

void bench_live_init(struct bench_live *l, const char *unit)
{
    *l = (struct bench_live){ .unit = unit };
}

void bench_live_begin(struct bench_live *l, bool warming, uint64_t origin_ns)
{
    l->warming = warming;
    l->origin_ns = origin_ns;
    l->before = (struct load_sample){ .at_ns = origin_ns };
}

void bench_live_text(char *ret, size_t size, const struct bench_live *l,
                     const struct load_sample *s)
{
    const struct load_sample *b = &l->before;
    char calls[32], posts[32], messages[32], failed[64] = "";
    double seconds = (double)(s->at_ns - b->at_ns) / 1e9;
    uint64_t age_s = (s->at_ns - l->origin_ns + 500000000) / 1000000000;
    if (s->failed > 0)
        snprintf(failed, sizeof failed, "  %" PRIu64 " failed", s->failed);
    snprintf(
        ret, size,
        "%s%" PRIu64 "s  %s calls/s  %s %s/s  %s messages/s  %.1f MB/s  slowest %.1f ms  "
        "%" PRIu64 " open%s",
        l->warming ? "warm-up " : "", age_s,
        text_number(calls, (unsigned long long)((double)(s->calls - b->calls) / seconds)),
        text_number(posts, (unsigned long long)((double)(s->posts - b->posts) / seconds)), l->unit,
        text_number(messages, (unsigned long long)((double)(s->messages - b->messages) / seconds)),
        (double)(s->bytes - b->bytes) / 1e6 / seconds, (double)s->slowest_ns / 1e6, s->open,
        failed);
}

void bench_live_show(struct bench_live *l, const struct load_sample *s)
{
    char text[256];
    if (s->at_ns <= l->before.at_ns || s->calls < l->before.calls)
        return; /* of the run before */
    bench_live_text(text, sizeof text, l, s);
    fprintf(stderr, "\r\033[K%s", text);
    l->shown = true;
    l->before = *s;
}

void bench_live_hide(struct bench_live *l)
{
    if (l->shown)
        fputs("\r\033[K", stderr);
    l->shown = false;
}
