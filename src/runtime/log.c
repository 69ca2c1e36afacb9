#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

#define LINE_MAX_BYTES 2048

static const char *g_program = "";
static enum log_level g_least = LOG_INFO;
static enum log_format g_format = LOG_TEXT;

void log_init(const char *program, enum log_level least, enum log_format format)
{
    g_program = program;
    g_least = least;
    g_format = format;
}

int log_on(enum log_level level)
{
    return level >= g_least;
}

static size_t put_time(char *to, size_t room)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(to, room, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(to + n, room - n, ".%03ldZ", now.tv_nsec / 1000000);
}

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a byte that is not text */

/* The length of the UTF-8 sequence that text begins with; 0: there is none. */
static size_t sequence_length(const char *text)
{
    const size_t most = strnlen(text, 4);
    for (size_t n = 1; n <= most; n++)
        if (utf8_valid(bytes_of(text, n)))
            return n;
    return 0;
}

/* C0, DEL and, as UTF-8, C1: the codes that terminals obey. */
static bool is_control(const unsigned char *c)
{
    return c[0] < 0x20 || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0);
}

/* Escapes what would break a line of JSON, or a terminal. */
static size_t put_escaped(char *to, size_t room, const char *text)
{
    size_t n = 0;
    while (*text != '\0' && n + 7 < room) {
        const unsigned char *c = (const unsigned char *)text;
        const size_t len = sequence_length(text);
        if (len == 0) {
            memcpy(to + n, REPLACEMENT, 3);
            n += 3;
        } else if (is_control(c)) {
            n += (size_t)snprintf(to + n, room - n, "\\u%04x", c[len - 1]);
        } else {
            if (g_format == LOG_JSON && (*c == '"' || *c == '\\'))
                to[n++] = '\\';
            memcpy(to + n, text, len);
            n += len;
        }
        text += len > 0 ? len : 1;
    }
    return n;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    if (!log_on(level))
        return;
    char text[LINE_MAX_BYTES], time[32], line[2 * LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_time(time, sizeof time);

    const char *head = g_format == LOG_JSON
                           ? "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\""
                           : "%s %-5s %s: ";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = (size_t)snprintf(line, sizeof line, head, time, names[level], g_program);
#pragma GCC diagnostic pop
    n += put_escaped(line + n, sizeof line - n - 4, text);
    if (g_format == LOG_JSON) {
        memcpy(line + n, "\"}", 2);
        n += 2;
    }
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) /* one write: lines of threads do not mix */
        return;                            /* nowhere left to say it */
}
