/* What a load test tells at its end: the same stats as a table for people, as JSON for
 * programs, as CSV for spreadsheets, and as a page of HTML with plots. */
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
    bool too_many_errors; /* that is why it ended early */
};

/** The stats; NULL: out of memory. json_decref() it. */
json_t *bench_report_json(const struct bench_report *r);

/** Append them as a table. false: out of memory, as of those below. */
bool bench_put_table(struct buf *b, const struct bench_report *r);

/** Append what bench_report_json() made: as lines of JSON; as a page that needs nothing else;
 * as CSV, with one row for the run, or one for each interval of it. Each has a head.
 * @harmless: what a terminal would obey is escaped. */
bool bench_put_json(struct buf *b, const json_t *json);
bool bench_put_html(struct buf *b, const json_t *json);
bool bench_put_csv(struct buf *b, const json_t *json, bool harmless);
bool bench_put_intervals(struct buf *b, const json_t *json);

#endif
