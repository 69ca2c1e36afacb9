/* Options that several commands have, each described once. A command picks
 * its rows from the macros here and adds its own. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "client-cli/output/rows.h"

struct common {
    int format; /* enum format (rows.h); -1 until common_parse(): by where the output goes */
    const char *user;
    bool all;
    int64_t limit; /* 0: none */
    const char *tag;
    int64_t page_size;
    const char *page_token;
    uint64_t deadline_ms; /* 0: none */
    bool progress;
    int server; /* enum which_server */
};

/* Which of the two a command asks that both could answer. */
enum which_server { SERVER_POST, SERVER_USER };

/** Those of the command that runs. */
extern struct common common;

#define COMMON_ROW(option, of_kind, of, text, ...)                                                 \
    {                                                                                              \
        .name = option, .kind = of_kind, .value = &common.of, .help = text, __VA_ARGS__            \
    }

#define ROW_FORMAT                                                                                 \
    COMMON_ROW("format", OPTION_CHOICE, format,                                                    \
               "how to print (none: only count); without this: table on a terminal, else ndjson",  \
               .choices = "table|ndjson|json|none")
#define ROW_USER COMMON_ROW("user", OPTION_TEXT, user, "only the posts of this user", .arg = "ID")
#define ROW_ALL  COMMON_ROW("all", OPTION_FLAG, all, "everybody's posts, by one request")
#define ROW_LIMIT                                                                                  \
    COMMON_ROW("limit", OPTION_INT, limit, "stop after N; 0: no limit", .max = INT64_MAX)
#define ROW_TAG             COMMON_ROW("tag", OPTION_TEXT, tag, "only posts with this tag", .arg = "TAG")
#define ROW_PAGE_SIZE(text) COMMON_ROW("page-size", OPTION_INT, page_size, text, .max = INT32_MAX)
#define ROW_PAGE_TOKEN                                                                             \
    COMMON_ROW("page-token", OPTION_TEXT, page_token, "go on after an earlier listing",            \
               .arg = "TOKEN")
#define ROW_DEADLINE                                                                               \
    COMMON_ROW("deadline", OPTION_DURATION, deadline_ms, "give up after this time; 0: never")
#define ROW_PROGRESS                                                                               \
    COMMON_ROW("progress", OPTION_FLAG, progress,                                                  \
               "tell on standard error how far it is; without this: if that is a terminal")
#define ROW_SERVER                                                                                 \
    COMMON_ROW("server", OPTION_CHOICE, server,                                                    \
               "whom to ask: the one at --target, or at --user-target", .choices = "post|user")

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** options_parse() with what the defaults depend on, and with the options about
 * connections for a command that @calls somebody. Returns true and the
 * index of the first argument, or false and the exit code: --help was printed,
 * or a line says what is wrong. */
bool common_parse(const struct option_program *program, bool calls, int argc, char **argv,
                  int *ret_first, int *ret_code);

#endif
