#include "store_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine.h"

void store_check_found(struct store_check *check, const char *format, ...)
{
    char line[STORE_ERROR_MAX + STORE_ID_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    check->problems++;
    if (check->problem != NULL)
        check->problem(check, line);
}
