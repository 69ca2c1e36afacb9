/* Reports in files: what kind a file is of is said by how its name ends. */
#ifndef CLI_BENCH_SAVE_H
#define CLI_BENCH_SAVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"

struct session;

/** Whether all of @files could be written, before there is anything to write: a load of an
 * hour is not to end with a report that has no place. Nothing is made or changed. NULL: they
 * could; else what is wrong, in @why. */
const char *bench_save_check(const struct option_list *files, char *why, size_t size);

/** Writes the report @json into each of them. false: not all could be written, and a line
 * said why. */
bool bench_save(struct session *s, const struct option_list *files, const json_t *json);

#endif
