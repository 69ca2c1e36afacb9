#include "resolver_log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

#define LINE_BYTES 1024

struct line {
    char text[LINE_BYTES];
    size_t len; /* as long as it would be */
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list args;
    if (line->len >= sizeof line->text)
        return;
    va_start(args, format);
    const int n = vsnprintf(line->text + line->len, sizeof line->text - line->len, format, args);
    va_end(args);
    line->len += n > 0 ? (size_t)n : 0;
}

void resolver_log_asked(char *const *ids, size_t n)
{
    struct line line = { .len = 0 };
    if (!log_on(LOG_DEBUG) || n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        add(&line, "%s%s", i > 0 ? ", " : "", ids[i]);
    log_debug("asks User for names: %s", line.text);
}

void resolver_log_told(const V1__User__ResolveUsersResponse *m)
{
    struct line line = { .len = 0 };
    if (!log_on(LOG_DEBUG) || m->n_users == 0)
        return;
    for (size_t i = 0; i < m->n_users; i++)
        add(&line, "%s%s%s", i > 0 ? ", " : "", m->users[i]->user_id,
            m->users[i]->found ? "" : " (nobody)");
    log_debug("User tells the names of: %s", line.text);
}
