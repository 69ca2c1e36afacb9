/* Times that were measured, all of them, and what is said of them. */
#ifndef FOLLOW_LOAD_DURATIONS_H
#define FOLLOW_LOAD_DURATIONS_H

#include <stddef.h>
#include <stdint.h>

struct durations {
    uint64_t *ns;
    size_t n, room;
};

void durations_add(struct durations *d, uint64_t ns);
void durations_close(struct durations *d);

/** Prints '"NAME":{"count":…,"p50":…,"p99":…,"max":…}', in milliseconds, to standard output. It is
 * {"count":0} if there are none. Sorts them. */
void durations_print(struct durations *d, const char *name);

#endif
