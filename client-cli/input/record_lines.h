/* Which line of a file a record was on, when some lines are no records. */
#ifndef CLI_RECORD_LINES_H
#define CLI_RECORD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_lines {
    uint64_t *skipped; /* private: line numbers, increasing */
    size_t n, cap;
};

/** Line @number, behind all that were told before, is no record. Lines count
 * from 1. false: out of memory. */
bool record_lines_skip(struct record_lines *r, uint64_t number);

/** The line of record @index, from 0. */
uint64_t record_lines_find(const struct record_lines *r, uint64_t index);

void record_lines_close(struct record_lines *r);

#endif
