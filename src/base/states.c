#include "states.h"

#include <stdarg.h>
#include <stdio.h>

#define WHO_BYTES 256

void state_log(const struct state_row *rows, unsigned from, unsigned to, const char *who, ...)
{
    char text[WHO_BYTES];
    va_list args;
    va_start(args, who);
    vsnprintf(text, sizeof text, who, args);
    va_end(args);
    log_line(LOG_DEBUG, "%s: %s -> %s", text, rows[from].name, rows[to].name);
}
