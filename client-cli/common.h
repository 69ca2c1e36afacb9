/* Options that several commands have, each described once. A command picks
 * its rows from the macros here and adds its own. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"

enum format { FORMAT_TABLE, FORMAT_NDJSON, FORMAT_JSON, FORMAT_NONE };

struct common {
    int format; /* enum format; -1 until common_parse(): by where the output goes */
    const char *user;
    int64_t limit; /* 0: none */
    const char *tag;
    int64_t page_size;
    const char *page_token;
    uint64_t deadline_ms; /* 0: none */
    bool progress;
    bool calls_nobody; /* takes no options about connections (connection.h) */
};

/* What a command's struct common is initialised with. */
#define COMMON_DEFAULTS .format = -1, .tag = "", .page_token = ""

/* clang-format off */
#define ROW_FORMAT(c)                                                                              \
    {                                                                                              \
        .name = "format", .kind = OPTION_CHOICE, .value = &(c).format,                             \
        .help = "how to print (none: only count); without this: table on a terminal, else ndjson", \
        .choices = "table|ndjson|json|none"                                                        \
    }
#define ROW_USER(c)                                                                                \
    {                                                                                              \
        .name = "user", .kind = OPTION_TEXT, .value = &(c).user, .arg = "ID",                      \
        .help = "only the posts of this user"                                                      \
    }
#define ROW_LIMIT(c)                                                                               \
    {                                                                                              \
        .name = "limit", .kind = OPTION_INT, .value = &(c).limit,                                  \
        .help = "stop after N; 0: no limit", .max = INT64_MAX                                      \
    }
#define ROW_TAG(c)                                                                                 \
    {                                                                                              \
        .name = "tag", .kind = OPTION_TEXT, .value = &(c).tag, .arg = "TAG",                       \
        .help = "only posts with this tag"                                                         \
    }
#define ROW_PAGE_SIZE(c, text)                                                                     \
    {                                                                                              \
        .name = "page-size", .kind = OPTION_INT, .value = &(c).page_size, .help = text,            \
        .max = INT32_MAX                                                                           \
    }
#define ROW_PAGE_TOKEN(c)                                                                          \
    {                                                                                              \
        .name = "page-token", .kind = OPTION_TEXT, .value = &(c).page_token, .arg = "TOKEN",       \
        .help = "go on after an earlier listing"                                                   \
    }
#define ROW_DEADLINE(c)                                                                            \
    {                                                                                              \
        .name = "deadline", .kind = OPTION_DURATION, .value = &(c).deadline_ms,                    \
        .help = "give up after this time; 0: never"                                                \
    }
#define ROW_PROGRESS(c)                                                                            \
    {                                                                                              \
        .name = "progress", .kind = OPTION_FLAG, .value = &(c).progress,                           \
        .help = "tell on standard error how far it is; without this: if that is a terminal"        \
    }
/* clang-format on */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** options_parse() with what the defaults depend on, and with the options about
 * connections for a command that calls somebody. Returns true and the
 * index of the first argument, or false and the exit code: --help was printed,
 * or a line says what is wrong. */
bool common_parse(struct common *c, const struct option_program *program, int argc, char **argv,
                  int *ret_first, int *ret_code);

/** Complains about an argument that the command does not take: prints a line
 * and returns the exit code. */
int usage_error(const char *command, const char *what, const char *argument);

#endif
