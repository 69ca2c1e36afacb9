/* Options, described once: parsing, environment variables and --help all come from
 * the same table. getopt_long() does the parsing. Every option has a long name, and those
 * that people type often have a letter too. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool *; --x, --no-x */
    OPTION_TEXT,     /* const char ** */
    OPTION_LIST,     /* struct option_list *; may be repeated; commas separate in the environment */
    OPTION_INT,      /* int64_t *; from min to max */
    OPTION_DURATION, /* uint64_t *, milliseconds; "500ms", "5s", "2m", "1h" */
    OPTION_CHOICE,   /* int *; the place of the word in choices ("text|json") */
};

#define OPTION_LIST_MAX 16
struct option_list {
    const char *item[OPTION_LIST_MAX];
    size_t n;
};

struct option_row {
    const char *name; /* "drain-timeout" */
    enum option_kind kind;
    void *value;     /* holds the default already */
    const char *arg; /* what help calls the argument: "DURATION" */
    const char *help;
    int64_t min, max;    /* OPTION_INT; both 0: any. A default outside: none */
    const char *choices; /* OPTION_CHOICE; of OPTION_TEXT what completion offers, one of which or
                            several, with commas, are a value */
    char letter;         /* "-n"; 0: it has none */
    bool once;   /* it is refused if it is given twice, because the first value would be lost */
    bool has_no; /* OPTION_TEXT: "--no-x" is a name for an empty text */
};

/* A row for a variable, which must have the type of the row's kind: any other type does not
 * compile. Further fields come last: OPT_INT("loops", loops, "threads to make", .min = 1, .max =
 * 64). */
/* clang-format off */
#define OPT_FLAG(name, var, ...)     OPT_ROW(OPTION_FLAG, bool, name, var, __VA_ARGS__)
#define OPT_TEXT(name, var, ...)     OPT_ROW(OPTION_TEXT, const char *, name, var, __VA_ARGS__)
#define OPT_LIST(name, var, ...)     OPT_ROW(OPTION_LIST, struct option_list, name, var, __VA_ARGS__)
#define OPT_INT(name, var, ...)      OPT_ROW(OPTION_INT, int64_t, name, var, __VA_ARGS__)
#define OPT_DURATION(name, var, ...) OPT_ROW(OPTION_DURATION, uint64_t, name, var, __VA_ARGS__)
#define OPT_CHOICE(name, var, ...)   OPT_ROW(OPTION_CHOICE, int, name, var, __VA_ARGS__)

#define OPT_ROW(of_kind, type, option, variable, text, ...)                                        \
    {                                                                                              \
        .name = option, .kind = of_kind, .value = 1 ? &(variable) : (type *)0,                     \
        .help = text, __VA_ARGS__                                                                  \
    }
/* clang-format on */

/* Rows that several programs share, under a title of their own in --help. */
struct option_group {
    const char *title; /* "TLS" */
    const struct option_row *rows;
    size_t nrows;
};

struct option_program {
    const char *name;    /* "post-server"; the environment prefix is POST_SERVER_ */
    const char *usage;   /* "[OPTION]..." */
    const char *summary; /* a line or more */
    const struct option_row *rows;
    size_t nrows;
    const struct option_group *groups; /* after the rows; may be NULL */
    size_t ngroups;
    const char *epilogue; /* after the options; may be NULL */
    const char *examples; /* command lines, one a line, and "# ..." above them; may be NULL */
    const char *words;    /* what the first argument can be, "posts|users", for completion; may
                             be NULL */
    const char *version;  /* what --version prints behind the name; NULL: no such option */
};

enum option_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/** Reads the arguments into the values of the rows, and the environment for rows
 * that have no argument. The command line wins over a variable, and a variable over
 * the default. An empty variable counts as unset. A list that is given replaces the
 * default list. Texts point into argv and the environment. (Lists from the
 * environment point into a copy that is never freed.) *ret_first is the index of the
 * first argument that is not an option, and argv is reordered for that. It may be
 * called again with other rows. Call it before any thread is started. Returns
 *   OPTIONS_OK
 *   OPTIONS_HELP  help was printed to standard output for --help: exit with 0.
 *                 --help=man prints a manual page, and --help=words prints what a
 *                 shell can complete. Or the version was printed for --version
 *   OPTIONS_BAD   one line on standard error says what is wrong, and what was
 *                 perhaps meant: exit with 2 */
enum option_result options_parse(const struct option_program *program, int argc, char **argv,
                                 int *ret_first);

/** Reads a duration, "500ms" -> 500: digits and one of ms, s, m, h. Only 0 may lack
 * the unit. false: it is not a duration, or more than 10 years. */
bool duration_parse(const char *text, uint64_t *ret_ms);

#endif
