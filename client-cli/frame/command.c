#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "calls.h"
#include "client-cli/input/ids.h"
#include "client-cli/output/terminal.h"
#include "common.h"

#define CHOICES_MAX 128 /* bytes of "get|list|resolve", with the NUL */

const char *command_word(const struct command *c)
{
    const char *space = strrchr(c->name, ' ');
    return space != NULL ? space + 1 : c->name;
}

/* --- Arguments ---------------------------------------------------------------------- */

int usage_error(const char *command, const char *what, const char *argument)
{
    fprintf(stderr, "postcli: %s: %s%s%s (try postcli %s --help)\n", command, what,
            *argument != '\0' ? ": " : "", argument, command);
    return EXIT_USAGE;
}

/* "get, list or resolve" */
static void put_choices(const char *choices, char *to, size_t room)
{
    const char *last = strrchr(choices, '|');
    size_t n = 0;
    for (const char *c = choices; *c != '\0' && n < room; c++) {
        const char letter[] = { *c, '\0' };
        const char *text = *c != '|' ? letter : c == last ? " or " : ", ";
        n += (size_t)snprintf(to + n, room - n, "%s", text);
    }
}

int choice_error(const char *command, const char *choices, const char *argument)
{
    char all[CHOICES_MAX] = "", words[CHOICES_MAX], what[2 * CHOICES_MAX + 256];
    char *rest = words;
    struct nearest near = nearest_to(argument, strlen(argument));
    put_choices(choices, all, sizeof all);
    snprintf(words, sizeof words, "%s", choices);
    for (const char *word; (word = strsep(&rest, "|")) != NULL;)
        nearest_try(&near, word);
    if (*argument == '\0')
        snprintf(what, sizeof what, "%s?", all);
    else if (near.best != NULL)
        snprintf(what, sizeof what, "\"%.200s\" is not %s; did you mean %s?", argument, all,
                 near.best);
    else
        snprintf(what, sizeof what, "\"%.200s\" is not %s", argument, all);
    return usage_error(command, what, "");
}

static bool is_choice(const char *choices, const char *word)
{
    const size_t len = strlen(word);
    for (const char *c = choices; c != NULL; c = strchr(c, '|')) {
        c += *c == '|';
        if (strncmp(c, word, len) == 0 && (c[len] == '|' || c[len] == '\0'))
            return true;
    }
    return false;
}

static int check_arguments(const struct command *c, int n, char **arguments)
{
    const char *first = n > 0 ? arguments[0] : "";
    if (c->choices != NULL && !is_choice(c->choices, first))
        return choice_error(c->name, c->choices, first);
    if (n > c->most)
        return usage_error(c->name, c->too_many != NULL ? c->too_many : "takes no argument",
                           arguments[c->most]);
    if (common.all && n > 0)
        return usage_error(c->name, "--all takes no ids", first);
    return c->runs->check != NULL ? c->runs->check(c, n, arguments) : EXIT_DONE;
}

/* What the rows are to look like. */
static struct rows_look look;

static int read_look(const struct command *c)
{
    char error[ROWS_ERROR_BYTES];
    const struct row_kind *kind = c->runs->brings.rows;
    look.format = (enum format)common.format;
    look.expanded = (enum expanded_use)common.expanded;
    if (kind == NULL || rows_choose(&look.choice, kind, common.columns, error))
        return EXIT_DONE;
    fprintf(stderr, "postcli: --columns: %s (try postcli %s --help)\n", error, c->name);
    return EXIT_USAGE;
}

/* NULL: the output is no table on a terminal, or the terminal is needed to type. */
static const char *choose_pager(const struct routine *r, int n)
{
    const char *missing, *command;
    const bool table =
        look.format == FORMAT_TABLE || look.format == FORMAT_WIDE || look.format == FORMAT_EXPANDED;
    const bool types = r->on_ids != NULL && n == 0 && !common.all && isatty(STDIN_FILENO) != 0;
    if (!r->brings.pages || !table || types || !terminal_is_one())
        return NULL;
    command = pager_choose(common.pager, &missing);
    if (missing != NULL)
        fprintf(stderr,
                "postcli: there is no pager \"%s\": name another one by --pager, "
                "$POSTCLI_PAGER or $PAGER\n",
                missing);
    return command;
}

/* --- The frame ---------------------------------------------------------------------- */

/* Returns true and the arguments behind the options; or false and the exit code. */
static bool read_options(const struct command *c, int argc, char **argv, int *ret_first,
                         int *ret_code)
{
    char usage[128];
    const struct option_program program = {
        .name = "postcli",
        .usage = usage,
        .summary = c->summary,
        .rows = c->runs->options.rows,
        .nrows = c->runs->options.n,
        .epilogue = c->epilogue,
        .examples = c->examples,
        .words = c->choices,
    };
    snprintf(usage, sizeof usage, "%s %s", c->name, c->usage);
    common.page_size = c->runs->page_size;
    return common_parse(&program, !c->runs->calls_nobody, argc, argv, ret_first, ret_code);
}

static void start(struct session *s)
{
    const struct routine *r = s->routine;
    if (r->brings.rows != NULL)
        rows_init(&s->rows, r->brings.rows, &look, &s->out);
    if (r->brings.counts != NULL)
        progress_start(&s->progress, r->brings.counts);
    /* What is only counted is told, unless --no-progress says that on a terminal. */
    s->progress.always = r->brings.counts != NULL && s->options->format == FORMAT_NONE &&
                         (s->options->progress || isatty(STDERR_FILENO) == 0);
    if (r->start != NULL)
        r->start(s);
    else
        calls_start(s);
}

static int run(const struct routine *r, int n, char **arguments)
{
    const bool calls = r->start == NULL;
    struct ids ids = { .n = 0 };
    struct session session = {
        .routine = r,
        .arguments = arguments,
        .argument_count = n,
        .ids = r->on_ids != NULL && !common.all ? &ids : NULL,
        .calls_nobody = r->calls_nobody,
        .pager_command = choose_pager(r, n),
        .start = start,
        .on_stop = calls ? calls_stop : r->on_stop,
        .on_room = calls ? calls_room : r->on_room,
        .last_words = r->last_words,
        .patience_ms = r->patience_ms,
    };
    const int code = session_run(&session, &common);
    rows_close(&session.rows);
    paging_close(&session);
    ids_close(&ids);
    return code;
}

int command_run(const struct command *c, int argc, char **argv)
{
    const struct routine *r = c->runs;
    int first, code;
    if (r->prepare != NULL)
        r->prepare(argc, argv);
    if (read_options(c, argc, argv, &first, &code)) {
        code = check_arguments(c, argc - first, argv + first);
        if (code == EXIT_DONE)
            code = read_look(c);
        if (code == EXIT_DONE)
            code = run(r, argc - first, argv + first);
    }
    if (r->close != NULL)
        r->close();
    return code;
}
