#include "bench_limits.h"

#include <stdlib.h>
#include <string.h>

bool percent_parse(const char *text, double *ret_part)
{
    char *end;
    if (text[strspn(text, "0123456789.")] != '%')
        return false;
    const double percent = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0)
        return false;
    *ret_part = percent / 100;
    return true;
}

bool error_limit_passed(const struct error_limit *l, uint64_t bad, uint64_t ended)
{
    const uint64_t of = ended > ERROR_LIMIT_CALLS ? ended : ERROR_LIMIT_CALLS;
    return *l->text != '\0' && (double)bad > l->part * (double)of;
}
