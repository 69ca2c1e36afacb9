/* What gRPC's core has to say: it says some things only in its log, such as
 * why it refuses a target. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

/* Its texts are good until the function that got it returns. */
struct core_log_line {
    bool is_error; /* of the core's levels, the highest */
    const char *text;
    const char *file; /* of the core, where it is said */
    int line;
};

/** Has the core's lines come to @say, on whatever thread they are said, rather
 * than to standard error; NULL: to nobody. */
void core_log_init(void (*say)(const struct core_log_line *line));

/** The last error that the core logged on this thread, since core_log_forget();
 * "" if there is none, or without core_log_init(). */
const char *core_log_error(void);
void core_log_forget(void);

#endif
