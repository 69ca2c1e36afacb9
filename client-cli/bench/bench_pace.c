#include "bench_pace.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS   1e9
#define CATCH_UP_NS UINT64_C(10000000)

uint64_t schedule_due(const struct schedule *s, uint64_t k)
{
    double number = (double)(k * s->loops + s->loop);
    return s->origin_ns + (uint64_t)(number * SECOND_NS / s->rate);
}

uint64_t schedule_count(const struct schedule *s, uint64_t until_ns)
{
    if (until_ns <= s->origin_ns)
        return 0;
    double before = (double)(until_ns - s->origin_ns) * s->rate / SECOND_NS; /* of all loops */
    uint64_t k = before > s->loop ? (uint64_t)((before - s->loop) / s->loops) : 0;
    while (schedule_due(s, k) < until_ns) /* rounding: a step at most */
        k++;
    while (k > 0 && schedule_due(s, k - 1) >= until_ns)
        k--;
    return k;
}

static double unit_of(const char *name)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = { { "B", 1 },    { "kB", 1e3 },   { "KB", 1e3 },
                  { "MB", 1e6 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 } };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(name, units[i].name) == 0)
            return units[i].bytes;
    }
    return 0;
}

bool pace_parse(const char *text, struct pace *ret)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 12)
        return false;
    bool bytes = text[digits] != '\0';
    double unit = bytes ? unit_of(text + digits) : 1;
    double value = strtod(text, NULL) * unit;
    if (!(value > 0))
        return false;
    *ret = (struct pace){ .per_second = value, .bytes = bytes };
    return true;
}

void pace_next(const struct pace *p, uint64_t *due_ns, uint64_t now_ns, uint64_t bytes)
{
    double cost = (p->bytes ? (double)bytes : 1) * SECOND_NS / p->per_second;
    uint64_t least = *due_ns > 0 ? now_ns - CATCH_UP_NS : now_ns;
    *due_ns = (*due_ns > least ? *due_ns : least) + (uint64_t)cost;
}
