#include "options_internal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

#define DURATION_MAX_MS (UINT64_C(10) * 365 * 24 * 3600 * 1000)

/* What getopt_long() returns: a letter, or above the letters two values a row. */
enum { VALUE_HELP = 'h', VALUE_VERSION = 255, VALUE_ROWS = 256 };

struct parser {
    const struct option_program *program;
    const struct option_row **rows; /* the program's own and those of its groups */
    size_t nrows;
    struct option *longs;
    char *letters; /* as getopt() takes them: ":hn:v" */
    bool *given;   /* row i was on the command line */
    char **argv;   /* a copy: to look for --help reorders it */
};

/* --- errors ------------------------------------------------------------------------- */

/* Always one line, whatever characters the user's text has. */
__attribute__((format(printf, 2, 3))) static void complain(const struct option_program *program,
                                                           const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
    fprintf(stderr, "%s: %s (try --help)\n", program->name, text);
}

/* --- values ------------------------------------------------------------------------- */

bool duration_parse(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 } };

    uint64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > DURATION_MAX_MS)
            return false;
    }
    if (p == text)
        return false;
    if (*p == '\0' && n == 0) {
        *ret_ms = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(p, units[i].name) != 0)
            continue;
        if (n > DURATION_MAX_MS / units[i].ms)
            return false;
        *ret_ms = n * units[i].ms;
        return true;
    }
    return false;
}

static bool int_parse(const char *text, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long n = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *ret = n;
    return true;
}

static bool flag_parse(const char *text, bool *ret)
{
    static const char *const words[][2] = {
        { "0", "1" }, { "false", "true" }, { "no", "yes" }, { "off", "on" }
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int on = 0; on < 2; on++) {
            if (strcmp(text, words[i][on]) == 0) {
                *ret = on != 0;
                return true;
            }
        }
    }
    return false;
}

static bool choice_parse(const char *choices, const char *text, int *ret)
{
    const char *word;
    int len;
    for (int i = 0; (len = option_choice_word(choices, i, &word)) > 0; i++) {
        if (strlen(text) == (size_t)len && strncmp(text, word, (size_t)len) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* @source is what the user wrote: "--loops", or the environment variable. */
static bool store_int(const struct parser *p, const struct option_row *row, const char *source,
                      const char *text)
{
    int64_t n;
    if (!int_parse(text, &n)) {
        complain(p->program, "%s: \"%.100s\" is not a whole number", source, text);
        return false;
    }
    if (!option_int_in_range(row, n)) {
        complain(p->program, "%s: %" PRId64 " is not from %" PRId64 " to %" PRId64, source, n,
                 row->min, row->max);
        return false;
    }
    *(int64_t *)row->value = n;
    return true;
}

static bool store_list(const struct parser *p, const struct option_row *row, const char *source,
                       const char *text)
{
    struct option_list *list = row->value;
    if (list->n == OPTION_LIST_MAX) {
        complain(p->program, "%s: more than %d values", source, OPTION_LIST_MAX);
        return false;
    }
    list->item[list->n++] = text;
    return true;
}

static bool store(const struct parser *p, const struct option_row *row, const char *source,
                  const char *text)
{
    switch (row->kind) {
    case OPTION_FLAG:
        if (flag_parse(text, row->value))
            return true;
        complain(p->program, "%s: \"%.100s\" is neither true nor false", source, text);
        return false;
    case OPTION_TEXT:
        *(const char **)row->value = text;
        return true;
    case OPTION_LIST:
        return store_list(p, row, source, text);
    case OPTION_INT:
        return store_int(p, row, source, text);
    case OPTION_DURATION:
        if (duration_parse(text, row->value))
            return true;
        complain(p->program, "%s: \"%.100s\" is not a duration like 500ms, 5s, 2m or 1h", source,
                 text);
        return false;
    case OPTION_CHOICE:
        if (choice_parse(row->choices, text, row->value))
            return true;
        complain(p->program, "%s: \"%.100s\" is not one of %s", source, text, row->choices);
        return false;
    }
    return false;
}

/* --- arguments ---------------------------------------------------------------------- */

static size_t count_rows(const struct option_program *program)
{
    size_t n = program->nrows;
    for (size_t g = 0; g < program->ngroups; g++)
        n += program->groups[g].nrows;
    return n;
}

static void put_rows(struct parser *p, const struct option_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p->rows[p->nrows++] = &rows[i];
}

static bool make_longs(struct parser *p)
{
    struct option *o = p->longs;
    *o++ = (struct option){ "help", optional_argument, NULL, VALUE_HELP };
    if (p->program->version != NULL)
        *o++ = (struct option){ "version", no_argument, NULL, VALUE_VERSION };
    for (size_t i = 0; i < p->nrows; i++) {
        const struct option_row *row = p->rows[i];
        assert(row != NULL); /* put_rows() */
        bool flag = row->kind == OPTION_FLAG;
        int value = VALUE_ROWS + 2 * (int)i;
        *o++ = (struct option){ row->name, flag ? no_argument : required_argument, NULL, value };
        if (!flag && !row->has_no)
            continue;
        char *no;
        if (asprintf(&no, "no-%s", row->name) < 0)
            return false;
        *o++ = (struct option){ no, no_argument, NULL, value + 1 };
    }
    return true;
}

static void make_letters(struct parser *p)
{
    char *c = stpcpy(p->letters, ":h");
    for (size_t i = 0; i < p->nrows; i++) {
        if (p->rows[i]->letter == '\0')
            continue;
        *c++ = p->rows[i]->letter;
        if (p->rows[i]->kind != OPTION_FLAG)
            *c++ = ':';
    }
}

static bool parser_init(struct parser *p, const struct option_program *program, int argc,
                        char **argv)
{
    size_t n = count_rows(program);
    *p = (struct parser){ .program = program };
    p->rows = calloc(n + 1, sizeof(*p->rows));
    p->given = calloc(n + 1, sizeof(*p->given));
    p->longs = calloc(2 * n + 3, sizeof(*p->longs)); /* --x and --no-x, --help, --version, end */
    p->letters = calloc(2 * n + 3, sizeof(*p->letters));
    p->argv = calloc((size_t)argc + 1, sizeof(*p->argv));
    if (p->rows == NULL || p->given == NULL || p->longs == NULL || p->letters == NULL ||
        p->argv == NULL)
        return false;
    memcpy(p->argv, argv, (size_t)argc * sizeof(*argv));
    put_rows(p, program->rows, program->nrows);
    for (size_t g = 0; g < program->ngroups; g++)
        put_rows(p, program->groups[g].rows, program->groups[g].nrows);
    make_letters(p);
    return make_longs(p);
}

static void parser_close(struct parser *p)
{
    for (struct option *o = p->longs; o != NULL && o->name != NULL; o++) {
        if (o->val >= VALUE_ROWS && (o->val - VALUE_ROWS) % 2 == 1)
            free((char *)o->name);
    }
    free(p->argv);
    free(p->letters);
    free(p->longs);
    free(p->given);
    free(p->rows);
}

/* getopt_long() takes a unique beginning for the whole name; which of the two
 * was it that it refused? */
static bool is_ambiguous(const struct parser *p, const char *arg)
{
    const char *name = arg + strspn(arg, "-");
    size_t len = strcspn(name, "=");
    int matches = 0;
    for (const struct option *o = p->longs; o->name != NULL; o++)
        matches += strncmp(o->name, name, len) == 0;
    return matches > 1;
}

static const char *long_name(const struct parser *p, int value)
{
    for (const struct option *o = p->longs; o->name != NULL; o++) {
        if (o->val == value)
            return o->name;
    }
    return "";
}

/* As long_name(), where @value may be a letter. */
static int value_of_letter(const struct parser *p, int value)
{
    for (size_t i = 0; i < p->nrows; i++) {
        if (value == p->rows[i]->letter)
            return VALUE_ROWS + 2 * (int)i;
    }
    return value;
}

/* The name that @arg was perhaps meant to be; NULL: none is near. */
static const char *guess(const struct parser *p, const char *arg)
{
    const char *name = arg + strspn(arg, "-");
    struct nearest n = nearest_to(name, strcspn(name, "="));
    for (const struct option *o = p->longs; o->name != NULL; o++)
        nearest_try(&n, o->name);
    return n.best;
}

static void complain_name(const struct parser *p, const char *what, const char *arg,
                          const char *meant)
{
    const int len = (int)strcspn(arg, "=");
    if (meant != NULL)
        complain(p->program, "%s option %.*s; did you mean --%s?", what, len, arg, meant);
    else
        complain(p->program, "%s option %.*s", what, len, arg);
}

/* -limit is a name to some programs, but -l, -i and so on to getopt(). */
static const char *guess_letters(const struct parser *p, const char *arg)
{
    const bool many = arg != NULL && arg[0] == '-' && arg[1] != '-' && strlen(arg) > 2;
    return many && strchr(arg, optopt) != NULL ? guess(p, arg) : NULL;
}

static void complain_letter(const struct parser *p, char **argv)
{
    const char *words[] = { argv[optind], argv[optind - 1] }; /* in its midst, or at its end */
    for (size_t i = 0; i < 2; i++) {
        const char *meant = guess_letters(p, words[i]);
        if (meant != NULL) {
            complain_name(p, "unknown", words[i], meant);
            return;
        }
    }
    complain(p->program, "unknown option -%c", optopt);
}

static void complain_unknown(const struct parser *p, char **argv)
{
    const char *arg = argv[optind - 1];
    if (optopt == VALUE_HELP || optopt >= VALUE_VERSION)
        complain(p->program, "--%s takes no value", long_name(p, optopt));
    else if (optopt != 0)
        complain_letter(p, argv);
    else if (is_ambiguous(p, arg))
        complain_name(p, "ambiguous", arg, NULL);
    else
        complain_name(p, "unknown", arg, guess(p, arg));
}

static bool take_argument(struct parser *p, int value)
{
    size_t i = (size_t)(value - VALUE_ROWS) / 2;
    const struct option_row *row = p->rows[i];
    bool first = !p->given[i];
    p->given[i] = true;
    const bool no = (value - VALUE_ROWS) % 2 != 0;
    if (row->kind == OPTION_FLAG) {
        *(bool *)row->value = !no;
        return true;
    }
    if (no) {
        *(const char **)row->value = "";
        return true;
    }
    if (row->once && !first) {
        complain(p->program, "--%s is given twice, and takes one value", row->name);
        return false;
    }
    if (row->kind == OPTION_LIST && first)
        ((struct option_list *)row->value)->n = 0; /* the default gives way */
    char source[128];
    snprintf(source, sizeof(source), "--%s", row->name);
    return store(p, row, source, optarg);
}

static enum option_result parse_arguments(struct parser *p, int argc, char **argv)
{
    int value;
    opterr = 0;
    optind = 0; /* start anew, however often we are called */
    while ((value = getopt_long(argc, argv, p->letters, p->longs, NULL)) != -1) {
        if (value == ':') {
            complain(p->program, "--%s needs a value", long_name(p, value_of_letter(p, optopt)));
            return OPTIONS_BAD;
        }
        if (value == '?') {
            complain_unknown(p, argv);
            return OPTIONS_BAD;
        }
        if (!take_argument(p, value_of_letter(p, value)))
            return OPTIONS_BAD;
    }
    return OPTIONS_OK;
}

/* --- environment -------------------------------------------------------------------- */

/* The items are parts of a copy, so that our children see the variable whole.
 * The copy lives as long as the list: to the end of the process. */
static bool store_variable_list(const struct parser *p, const struct option_row *row,
                                const char *variable, const char *text)
{
    struct option_list *list = row->value;
    char *rest = strdup(text);
    if (rest == NULL) {
        complain(p->program, "%s: out of memory", variable);
        return false;
    }
    char *copy = rest;
    list->n = 0;
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        if (*item == '\0')
            continue;
        if (!store_list(p, row, variable, item)) {
            list->n = 0;
            free(copy);
            return false;
        }
    }
    if (list->n == 0)
        free(copy);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list has it */
    return true;
}

static bool parse_environment(struct parser *p)
{
    const struct option_program *program = p->program;
    for (size_t i = 0; i < p->nrows; i++) {
        const struct option_row *row = p->rows[i];
        if (p->given[i])
            continue;
        char variable[256];
        option_variable(variable, sizeof(variable), program->name, row->name);
        const char *text = getenv(variable);
        if (text == NULL || *text == '\0')
            continue;
        bool ok = row->kind == OPTION_LIST ? store_variable_list(p, row, variable, text)
                                           : store(p, row, variable, text);
        if (!ok)
            return false;
    }
    return true;
}

/* --- all of it ---------------------------------------------------------------------- */

/* --help shows the defaults, so it must win before a value is stored. Returns VALUE_HELP,
 * VALUE_VERSION, or -1: neither is asked for. */
static int asks_for(const struct parser *p, int argc, const char **ret_form)
{
    int value;
    opterr = 0;
    optind = 0;
    do
        value = getopt_long(argc, p->argv, p->letters, p->longs, NULL);
    while (value != -1 && value != VALUE_HELP && value != VALUE_VERSION);
    *ret_form = value == VALUE_HELP ? optarg : NULL;
    return value;
}

static enum option_result print_help(const struct option_program *program, const char *form)
{
    if (options_print_help(program, form))
        return OPTIONS_HELP;
    complain(program, "--help: \"%.100s\" is not text, man or words", form);
    return OPTIONS_BAD;
}

static enum option_result parse(struct parser *p, int argc, char **argv, int *ret_first)
{
    const char *form;
    switch (asks_for(p, argc, &form)) {
    case VALUE_HELP:
        return print_help(p->program, form);
    case VALUE_VERSION:
        printf("%s %s\n", p->program->name, p->program->version);
        return OPTIONS_HELP;
    default:
        break;
    }
    const enum option_result result = parse_arguments(p, argc, argv);
    if (result == OPTIONS_OK && !parse_environment(p))
        return OPTIONS_BAD;
    if (result == OPTIONS_OK)
        *ret_first = optind;
    return result;
}

enum option_result options_parse(const struct option_program *program, int argc, char **argv,
                                 int *ret_first)
{
    struct parser p;
    enum option_result result = OPTIONS_BAD;
    if (parser_init(&p, program, argc, argv))
        result = parse(&p, argc, argv, ret_first);
    else
        complain(program, "out of memory");
    parser_close(&p);
    return result;
}
