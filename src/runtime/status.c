#include "status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

const char *status_name(int code)
{
    static const char *const names[] = {
#define X(name, number) [number] = #name,
        STATUS_MAP(X)
#undef X
    };
    if (code < 0 || (size_t)code >= sizeof names / sizeof names[0])
        return "UNKNOWN";
    return names[code];
}

struct status status_of(enum status_code code, const char *format, ...)
{
    struct status s;
    s.code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(s.message, sizeof s.message, format, args);
    va_end(args);
    return s;
}

struct status status_ok(void)
{
    struct status s;
    s.code = STATUS_OK;
    s.message[0] = '\0';
    return s;
}
