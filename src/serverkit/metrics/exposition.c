#include "exposition.h"

#include <inttypes.h>

void exposition_family(struct exposition *e, const char *prefix, const char *name,
                       enum metric_kind kind, const char *help)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    snprintf(e->name, sizeof e->name, "%s%s%s", prefix, *prefix != '\0' ? "_" : "", name);
    fprintf(e->to, "# HELP %s %s\n# TYPE %s %s\n", e->name, help, e->name, kinds[kind]);
}

static void put_value(FILE *to, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            fputs("\\n", to);
            continue;
        }
        if (*value == '"' || *value == '\\')
            fputc('\\', to);
        fputc(*value, to);
    }
}

static void put_label(FILE *to, const char *before, const char *name, const char *value)
{
    fprintf(to, "%s%s=\"", before, name);
    put_value(to, value);
    fputc('"', to);
}

/* @bound is a histogram's "le"; may be NULL. */
static void put_labels(FILE *to, const struct labels *labels, const char *bound)
{
    const char *before = "{";
    for (size_t i = 0; labels != NULL && i < labels->n; i++, before = ",")
        put_label(to, before, labels->item[i].name, labels->item[i].value);
    if (bound != NULL) {
        put_label(to, before, "le", bound);
        before = ",";
    }
    if (*before == ',')
        fputc('}', to);
}

static void put_count(struct exposition *e, const char *suffix, const struct labels *labels,
                      const char *bound, uint64_t value)
{
    fprintf(e->to, "%s%s", e->name, suffix);
    put_labels(e->to, labels, bound);
    fprintf(e->to, " %" PRIu64 "\n", value);
}

static void put_number(struct exposition *e, const char *suffix, const struct labels *labels,
                       double value)
{
    fprintf(e->to, "%s%s", e->name, suffix);
    put_labels(e->to, labels, NULL);
    fprintf(e->to, " %.15g\n", value);
}

void exposition_count(struct exposition *e, const struct labels *labels, uint64_t value)
{
    put_count(e, "", labels, NULL, value);
}

void exposition_number(struct exposition *e, const struct labels *labels, double value)
{
    put_number(e, "", labels, value);
}

/* Buckets are cumulative, and what they count is the sum of them: it agrees
 * with the last one even if the loop goes on to count meanwhile. */
void exposition_histogram(struct exposition *e, const struct labels *labels,
                          const struct histogram *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        char bound[32] = "+Inf";
        if (i < HISTOGRAM_BOUNDS)
            snprintf(bound, sizeof bound, "%g", (double)histogram_bound_ns[i] / 1e9);
        n += counter_get(&h->buckets[i]);
        put_count(e, "_bucket", labels, bound, n);
    }
    put_number(e, "_sum", labels, (double)counter_get(&h->sum_ns) / 1e9);
    put_count(e, "_count", labels, NULL, n);
}

void exposition_single(struct exposition *e, const char *name, enum metric_kind kind,
                       const char *help, double value)
{
    exposition_family(e, "", name, kind, help);
    exposition_number(e, NULL, value);
}
