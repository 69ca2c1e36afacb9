/* Options that several commands have, each described once. A command picks
 * its rows from the macros here and adds its own. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/options.h"

enum format { FORMAT_TABLE, FORMAT_NDJSON, FORMAT_JSON, FORMAT_NONE };

struct common {
    const char *target, *user_target;
    int format; /* enum format; -1 until common_parse(): by where the output goes */
    const char *user;
    int64_t limit; /* 0: none */
    const char *tag;
    int64_t page_size;
    const char *page_token;
    uint64_t deadline_ms; /* 0: none */
    bool progress;
};

/* What a command's struct common is initialised with. */
#define COMMON_DEFAULTS                                                                            \
    .target = "localhost:9001", .user_target = "localhost:9000", .format = -1, .tag = "",          \
    .page_token = ""

#define ROW_TARGET(c)                                                                              \
    {                                                                                              \
        "target", OPTION_TEXT, &(c).target, "HOST:PORT", "where the Post service is", 0, 0, NULL   \
    }
#define ROW_USER_TARGET(c)                                                                         \
    {                                                                                              \
        "user-target", OPTION_TEXT, &(c).user_target, "HOST:PORT", "where the User service is", 0, \
            0, NULL                                                                                \
    }
#define ROW_FORMAT(c)                                                                              \
    {                                                                                              \
        "format", OPTION_CHOICE, &(c).format, NULL,                                                \
            "how to print; without this: table on a terminal, else ndjson", 0, 0,                  \
            "table|ndjson|json|none"                                                               \
    }
#define ROW_USER(c)                                                                                \
    {                                                                                              \
        "user", OPTION_TEXT, &(c).user, "ID", "only the posts of this user", 0, 0, NULL            \
    }
#define ROW_LIMIT(c)                                                                               \
    {                                                                                              \
        "limit", OPTION_INT, &(c).limit, "N", "stop after N; 0: no limit", 0, INT64_MAX, NULL      \
    }
#define ROW_TAG(c)                                                                                 \
    {                                                                                              \
        "tag", OPTION_TEXT, &(c).tag, "TAG", "only posts with this tag", 0, 0, NULL                \
    }
#define ROW_PAGE_SIZE(c, help)                                                                     \
    {                                                                                              \
        "page-size", OPTION_INT, &(c).page_size, "N", help, 0, INT32_MAX, NULL                     \
    }
#define ROW_PAGE_TOKEN(c)                                                                          \
    {                                                                                              \
        "page-token", OPTION_TEXT, &(c).page_token, "TOKEN", "go on after an earlier listing", 0,  \
            0, NULL                                                                                \
    }
#define ROW_DEADLINE(c)                                                                            \
    {                                                                                              \
        "deadline", OPTION_DURATION, &(c).deadline_ms, NULL, "give up after this time; 0: never",  \
            0, 0, NULL                                                                             \
    }
#define ROW_PROGRESS(c)                                                                            \
    {                                                                                              \
        "progress", OPTION_FLAG, &(c).progress, NULL,                                              \
            "tell on standard error how far it is; without this: if that is a terminal", 0, 0,     \
            NULL                                                                                   \
    }

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** options_parse() with what the defaults depend on. Returns true and the
 * index of the first argument, or false and the exit code: --help was printed,
 * or a line says what is wrong. */
bool common_parse(struct common *c, const struct option_program *program, int argc, char **argv,
                  int *ret_first, int *ret_code);

/** Complains about an argument that the command does not take: prints a line
 * and returns the exit code. */
int usage_error(const char *command, const char *what, const char *argument);

#endif
