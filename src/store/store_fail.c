#include <stdarg.h>
#include <stdio.h>

#include "engine.h"

int store_fail(char error[STORE_ERROR_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, STORE_ERROR_MAX, format, args);
    va_end(args);
    return -1;
}
