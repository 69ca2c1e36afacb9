/* Log lines on standard error. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/** Before the first line; @program must stay. */
void log_init(const char *program, enum log_level least, enum log_format format);

/** Whether a line of this level would be written. */
int log_on(enum log_level level);

/** Writes one line: time, level, program and the text (no newline needed).
 * Control characters are escaped, bytes that are not UTF-8 become U+FFFD, and
 * what is over 2 KiB is cut. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

enum log_kind { LOG_COUNT, LOG_MILLISECONDS, LOG_STRING };

/* A number or name that a program will read. */
struct log_field {
    const char *key;
    enum log_kind kind;
    uint64_t number;  /* a duration: microseconds, written as milliseconds */
    const char *text; /* a string; cut after 512 bytes */
};

/** Writes one line of an event: its name, and fields after it as key=value
 * (quoted where needed), or as members of the JSON object. What does not fit a line of
 * 4 KiB is left out. */
void log_event(enum log_level level, const char *name, const struct log_field *fields, size_t n);

#define log_debug(...) (log_on(LOG_DEBUG) ? log_line(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
