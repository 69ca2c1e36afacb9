/* Metrics as text, in the format that Prometheus reads.
 *
 * A family (name, kind, help) and then its samples, one for each set of
 * labels. https://prometheus.io/docs/instrumenting/exposition_formats/ */
#ifndef METRICS_EXPOSITION_H
#define METRICS_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"

#define METRIC_NAME_MAX 96

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* A value may have any bytes. */
struct label {
    const char *name, *value;
};

struct labels {
    const struct label *item;
    size_t n;
};

struct exposition {
    FILE *to;                   /* what fails to be written is up to its owner */
    char name[METRIC_NAME_MAX]; /* of the family */
};

/** Begins a family: @prefix, if not empty, and '_' come before @name. */
void exposition_family(struct exposition *e, const char *prefix, const char *name,
                       enum metric_kind kind, const char *help);

/** Its samples. @labels may be NULL. */
void exposition_count(struct exposition *e, const struct labels *labels, uint64_t value);
void exposition_number(struct exposition *e, const struct labels *labels, double value);
void exposition_histogram(struct exposition *e, const struct labels *labels,
                          const struct histogram *h);

/** A family of one sample without labels. */
void exposition_single(struct exposition *e, const char *name, enum metric_kind kind,
                       const char *help, double value);

#endif
