/* What a load test tells at its end: the same stats as a table for people,
 * as JSON for programs, and as a page of HTML with plots. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "bench_plan.h"
#include "bench_stats.h"

struct bench_report {
    const struct bench_plan *plan;
    const struct stats *stats;
    const char *command; /* line, as it was typed, more or less */
    time_t started;
    bool interrupted;
};

/** The stats; NULL: out of memory. json_decref() it. */
json_t *bench_report_json(const struct bench_report *r);

/** Append them as lines of JSON; as a table; as a page that needs nothing else
 * (@json: of bench_report_json()). false: out of memory. */
bool bench_put_json(struct buf *b, const json_t *json);
bool bench_put_table(struct buf *b, const struct bench_report *r);
bool bench_put_html(struct buf *b, const json_t *json);

#endif
