/* Which records of an import were rejected, and why: all counted, the first
 * ones by number kept. They do not come in order, because some are rejected at
 * once and others by the store. Zero it before first use. */
#ifndef STREAMS_IMPORT_ERRORS_H
#define STREAMS_IMPORT_ERRORS_H

#include <stddef.h>
#include <stdint.h>

#include "import.h"

struct import_error {
    int64_t number;
    enum status_code code;
    char *message;
};

struct import_errors {
    int64_t total;
    size_t n;
    struct import_error first[IMPORT_ERRORS_MAX]; /* by number */
};

/** Record @number was rejected. Out of memory: counted, but not kept. */
void import_errors_add(struct import_errors *errors, int64_t number, const struct status *why);

void import_errors_close(struct import_errors *errors);

#endif
