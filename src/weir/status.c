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

/* The texts are not zeroed: a status is made for every call. */
struct status status_ok(void)
{
    struct status s;
    s.code = STATUS_OK;
    s.retry_after_ms = 0;
    s.waited = false;
    s.reason[0] = s.field[0] = s.message[0] = '\0';
    return s;
}

struct status status_with(enum status_code code, const char *format, va_list args)
{
    struct status s = status_ok();
    s.code = code;
    vsnprintf(s.message, sizeof s.message, format, args);
    return s;
}

struct status status_of(enum status_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct status s = status_with(code, format, args);
    va_end(args);
    return s;
}

struct status status_invalid(const char *field, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct status s = status_with(STATUS_INVALID_ARGUMENT, format, args);
    va_end(args);
    return *status_blame(&s, field, reason);
}

struct status *status_because(struct status *s, const char *reason)
{
    snprintf(s->reason, sizeof s->reason, "%s", reason);
    return s;
}

struct status *status_blame(struct status *s, const char *field, const char *reason)
{
    snprintf(s->field, sizeof s->field, "%s", field);
    return status_because(s, reason);
}

struct status status_no_memory(void)
{
    struct status s = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    s.retry_after_ms = STATUS_RETRY_MS;
    return *status_because(&s, "OUT_OF_MEMORY");
}

struct status status_stopping(void)
{
    struct status s = status_of(STATUS_UNAVAILABLE, "the server is stopping");
    return *status_because(&s, "SERVER_STOPPING");
}
