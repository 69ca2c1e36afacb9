#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "utf8.h"

#define MESSAGE_MAX_BYTES 2048
#define FIELD_MAX_BYTES   512

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

/* C0, DEL and C1: the codes that terminals obey. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* A line on its way. */
struct line {
    char text[2 * MESSAGE_MAX_BYTES];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    const size_t room = sizeof line->text - line->n;
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line->text + line->n, room, format, args);
    va_end(args);
    if (n > 0)
        line->n += (size_t)n < room ? (size_t)n : room - 1;
}

/* At most @max bytes of @text. Escapes what would break the line, a terminal,
 * or the quotes around it. */
static void put_escaped(struct line *line, const char *text, bool quoted, size_t max)
{
    char *to = line->text + line->n;
    size_t n = 0;
    while (*text != '\0' && n + 7 < max) {
        uint32_t c;
        const size_t len = utf8_decode(text, &c);
        if (len == 0) {
            memcpy(to + n, REPLACEMENT, 3);
            n += 3;
        } else if (is_control(c)) {
            n += (size_t)snprintf(to + n, max - n, "\\u%04x", (unsigned)c);
        } else {
            if (quoted && (c == '"' || c == '\\'))
                to[n++] = '\\';
            memcpy(to + n, text, len);
            n += len;
        }
        text += len > 0 ? len : 1;
    }
    line->n += n;
}

static void begin(struct line *line, enum log_level level)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    char time[32];
    line->n = 0;
    put_time(time, sizeof time);
    if (g_format == LOG_JSON)
        put(line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"message\":\"", time,
            names[level], g_program);
    else
        put(line, "%s %-5s %s: ", time, names[level], g_program);
}

static void end(struct line *line)
{
    put(line, g_format == LOG_JSON ? "}\n" : "\n");
    if (write(STDERR_FILENO, line->text, line->n) < 0) /* one write: lines of threads do not mix */
        return;                                        /* nowhere left to say it */
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_on(level))
        return;
    struct line line;
    char text[MESSAGE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    begin(&line, level);
    put_escaped(&line, text, g_format == LOG_JSON, sizeof line.text - line.n - 4);
    put(&line, g_format == LOG_JSON ? "\"" : "");
    end(&line);
}

/* --- Events ------------------------------------------------------------------------- */

static bool wants_quotes(const char *text)
{
    return *text == '\0' || strpbrk(text, " =\"\\") != NULL;
}

static void put_string(struct line *line, const char *text)
{
    const bool quoted = g_format == LOG_JSON || wants_quotes(text);
    put(line, quoted ? "\"" : "");
    put_escaped(line, text, quoted, FIELD_MAX_BYTES);
    put(line, quoted ? "\"" : "");
}

static void put_field(struct line *line, const struct log_field *f)
{
    put(line, g_format == LOG_JSON ? ",\"%s\":" : " %s=", f->key);
    switch (f->kind) {
    case LOG_COUNT:
        put(line, "%" PRIu64, f->number);
        break;
    case LOG_MILLISECONDS:
        put(line, "%" PRIu64 ".%03" PRIu64, f->number / 1000, f->number % 1000);
        break;
    case LOG_STRING:
        put_string(line, f->text);
        break;
    }
}

void log_event(enum log_level level, const char *name, const struct log_field *fields, size_t n)
{
    if (!log_on(level))
        return;
    struct line line;
    begin(&line, level);
    put(&line, g_format == LOG_JSON ? "%s\"" : "%s", name);
    for (size_t i = 0; i < n && line.n + 2 * FIELD_MAX_BYTES < sizeof line.text; i++)
        put_field(&line, &fields[i]);
    end(&line);
}
