#include "states.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"

#define WHO_BYTES 256

unsigned state_step_logged(const struct state_row *rows, unsigned from, unsigned to,
                           const char *who, ...)
{
    const unsigned next = state_step(rows, from, to);
    if (log_on(LOG_DEBUG)) {
        char text[WHO_BYTES];
        va_list args;
        va_start(args, who);
        vsnprintf(text, sizeof text, who, args);
        va_end(args);
        log_line(LOG_DEBUG, "%s: %s -> %s", text, rows[from].name, rows[next].name);
    }
    return next;
}
