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
    const char *columns; /* NULL: those of the format */
    int expanded;        /* enum expanded_use (rows.h) */
    int color;           /* enum colour_use (terminal.h) */
    const char *pager;   /* "": none; NULL: $PAGER, or less */
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

#define ROW_FORMAT                                                                                 \
    OPT_CHOICE("format", common.format,                                                            \
               "how to print: wide is a table that cuts nothing, expanded has a line for each "    \
               "field, none only counts; the default is table on a terminal, else ndjson",         \
               .choices = "table|wide|expanded|csv|ndjson|json|none", .letter = 'o')
/* @names is for completion: "a|b". */
#define ROW_COLUMNS(names)                                                                         \
    OPT_TEXT("columns", common.columns,                                                            \
             "print only these fields, in this order: post_id,title and so on", .arg = "NAME,...", \
             .choices = names, .once = true)
#define ROW_EXPANDED                                                                               \
    OPT_CHOICE("expanded", common.expanded,                                                        \
               "print tables as expanded: always, or (auto) if they do not fit the terminal",      \
               .choices = "never|auto|always")
#define ROW_COLOR                                                                                  \
    OPT_CHOICE("color", common.color,                                                              \
               "whether to print colours; auto: on a terminal, unless $NO_COLOR is set",           \
               .choices = "auto|always|never")
#define ROW_USER                                                                                   \
    OPT_TEXT("user", common.user, "only the posts of this user", .arg = "ID", .once = true)
#define ROW_ALL OPT_FLAG("all", common.all, "the posts of all users, by one request")
#define ROW_LIMIT                                                                                  \
    OPT_INT("limit", common.limit, "stop after N records; 0: no limit", .max = INT64_MAX,          \
            .letter = 'n')
#define ROW_TAG             OPT_TEXT("tag", common.tag, "only posts with this tag", .arg = "TAG", .once = true)
#define ROW_PAGE_SIZE(text) OPT_INT("page-size", common.page_size, text, .max = INT32_MAX)
#define ROW_PAGE_TOKEN                                                                             \
    OPT_TEXT("page-token", common.page_token, "go on where an earlier listing ended",              \
             .arg = "TOKEN")
#define ROW_DEADLINE                                                                               \
    OPT_DURATION("deadline", common.deadline_ms, "give up after this time; 0: never")
#define ROW_PROGRESS                                                                               \
    OPT_FLAG("progress", common.progress,                                                          \
             "say on standard error how far it is; the default is on for a terminal")
#define ROW_SERVER                                                                                 \
    OPT_CHOICE("server", common.server,                                                            \
               "which server to ask: the one at --target or --user-target",                        \
               .choices = "post|user")

#define ROW_PAGER                                                                                  \
    OPT_TEXT("pager", common.pager,                                                                \
             "read tables on a terminal through it; without this: $PAGER, else less -FRX",         \
             .arg = "COMMAND", .has_no = true)

/* Those of a command that prints records, and those of one that may print many. */
#define ROWS_OF_RECORDS(names) ROW_FORMAT, ROW_COLUMNS(names), ROW_EXPANDED, ROW_COLOR
#define ROWS_OF_OUTPUT(names)  ROWS_OF_RECORDS(names), ROW_PAGER

/* The names of fields of posts and users. */
#define COLUMNS_OF_POSTS "post_id|author|user_id|title|body|tags|date|create_time"
#define COLUMNS_OF_USERS "user_id|name|phone_number|age"

/* Those of a listing of posts: @whose is ROW_USER or ROW_ALL, @text is about --page-size. */
#define ROWS_OF_POSTS(whose, text)                                                                 \
    ROWS_OF_OUTPUT(COLUMNS_OF_POSTS), whose, ROW_LIMIT, ROW_TAG, ROW_PAGE_SIZE(text), ROW_PAGE_TOKEN

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** options_parse() with what the defaults depend on, and with the options about
 * connections for a command that @calls somebody. Returns true and the
 * index of the first argument, or false and the exit code: --help was printed,
 * or a line says what is wrong. */
bool common_parse(const struct option_program *program, bool calls, int argc, char **argv,
                  int *ret_first, int *ret_code);

#endif
