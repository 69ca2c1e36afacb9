#include "bench_stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/frame/connection.h"

int stats_init(struct stats *s, uint64_t origin_ns)
{
    memset(s, 0, sizeof *s);
    s->start_ns = s->end_ns = origin_ns;
    series_init(&s->series, origin_ns);
    struct hist *const all[] = { &s->latency, &s->failed, &s->first, &s->late, &s->gap };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (hist_init(all[i], HIST_FINE) != 0) {
            stats_close(s);
            return ENOMEM;
        }
    }
    return 0;
}

static void codes_close(struct stats_codes *c)
{
    for (int i = 0; i < STATS_CODES; i++)
        free(c->first[i]);
    memset(c, 0, sizeof *c);
}

void stats_close(struct stats *s)
{
    codes_close(&s->calls);
    codes_close(&s->errors);
    hist_close(&s->latency);
    hist_close(&s->failed);
    hist_close(&s->first);
    hist_close(&s->late);
    hist_close(&s->gap);
    series_close(&s->series);
}

static void codes_merge(struct stats_codes *c, struct stats_codes *from)
{
    for (int i = 0; i < STATS_CODES; i++) {
        c->count[i] += from->count[i];
        if (c->first[i] == NULL) {
            c->first[i] = from->first[i];
            from->first[i] = NULL;
        }
    }
}

void stats_merge(struct stats *s, struct stats *from)
{
    s->end_ns = s->end_ns > from->end_ns ? s->end_ns : from->end_ns;
    s->begun += from->begun;
    s->flawed += from->flawed;
    s->cut += from->cut;
    if (from->cut_oldest_ns > s->cut_oldest_ns)
        s->cut_oldest_ns = from->cut_oldest_ns;
    s->unstarted += from->unstarted;
    s->posts += from->posts;
    s->messages += from->messages;
    s->bytes += from->bytes;
    codes_merge(&s->calls, &from->calls);
    codes_merge(&s->errors, &from->errors);
    hist_merge(&s->latency, &from->latency);
    hist_merge(&s->failed, &from->failed);
    hist_merge(&s->first, &from->first);
    hist_merge(&s->late, &from->late);
    hist_merge(&s->gap, &from->gap);
    series_merge(&s->series, &from->series);
}

/* A copy of what the server said; where it wants a token, with the option for that. */
static char *words(const char *message, size_t len)
{
    char *text;
    const size_t asks = connection_wants_token(message, len);
    if (asks == 0)
        return strndup(message, len);
    return asprintf(&text, "%.*s: " CONNECTION_GIVE_TOKEN, (int)asks, message) >= 0 ? text : NULL;
}

void stats_code(struct stats_codes *c, int code, const char *message, size_t len, uint64_t n)
{
    if (code < 0 || code >= STATS_CODES)
        code = STATUS_UNKNOWN;
    c->count[code] += n;
    if (c->first[code] == NULL && len > 0)
        c->first[code] = words(message, len);
}

static uint64_t codes_sum(const struct stats_codes *c)
{
    uint64_t n = 0;
    for (int i = 0; i < STATS_CODES; i++)
        n += c->count[i];
    return n;
}

uint64_t stats_ended(const struct stats *s)
{
    return codes_sum(&s->calls);
}

uint64_t stats_failed(const struct stats *s)
{
    return codes_sum(&s->calls) - s->calls.count[STATUS_OK];
}

uint64_t stats_bad(const struct stats *s)
{
    return stats_failed(s) + s->flawed;
}

bool stats_ok(const struct stats *s, double part)
{
    bool something = s->calls.count[STATUS_OK] > 0 || s->messages > 0;
    bool few = part > 0 ? (double)stats_bad(s) <= part * (double)stats_ended(s)
                        : stats_failed(s) == 0 && codes_sum(&s->errors) == 0;
    return something && few && s->follow.missed == 0 && s->follow.doubled == 0;
}

double stats_seconds(const struct stats *s)
{
    return s->end_ns > s->start_ns ? (double)(s->end_ns - s->start_ns) / 1e9 : 1e-9;
}
