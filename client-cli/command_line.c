#include "command_line.h"

#include <string.h>

#include "base/nearest.h"
#include "frame/call_policy.h"
#include "frame/command.h"
#include "frame/connection.h"

#define GROUPS_OF_ALL 2
static const struct option_group *const groups[GROUPS_OF_ALL] = { &connection_calls_group,
                                                                  &call_policy_group };

/* --- Options, of whatever command ---------------------------------------------------- */

/* An option as it was typed: a name, which may be shortened, or a letter. */
struct typed {
    const char *name;
    size_t len; /* of the name */
    char letter;
};

static bool is_typed(const struct option_row *row, const struct typed *t)
{
    if (t->letter != '\0')
        return row->letter == t->letter;
    return strncmp(row->name, t->name, t->len) == 0;
}

/* The row of that name; else the first one whose name begins so, else @found. */
static const struct option_row *find_in_rows(const struct option_row *rows, size_t n,
                                             const struct typed *t, const struct option_row *found)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_typed(&rows[i], t))
            continue;
        if (found == NULL || rows[i].name[t->len] == '\0')
            found = &rows[i];
    }
    return found;
}

static const struct option_row *find_in_commands(const struct command *in, const struct typed *t,
                                                 const struct option_row *found)
{
    for (const struct command *c = in; c->name != NULL; c++) {
        if (c->commands != NULL)
            found = find_in_commands(c->commands, t, found);
        else
            found = find_in_rows(c->runs->options.rows, c->runs->options.n, t, found);
    }
    return found;
}

/* NULL: no command has such an option. */
static const struct option_row *find_option(const struct command *in, const struct typed *t)
{
    const struct option_row *row = NULL;
    for (size_t i = 0; i < GROUPS_OF_ALL; i++)
        row = find_in_rows(groups[i]->rows, groups[i]->nrows, t, row);
    return find_in_commands(in, t, row);
}

/* What a word of options says of the word behind it. */
enum follows { NO_VALUE, VALUE, UNKNOWN };

static enum follows follows_row(const struct option_row *row)
{
    if (row == NULL)
        return UNKNOWN;
    return row->kind == OPTION_FLAG ? NO_VALUE : VALUE;
}

/* --limit, --limit=5, --no-resume, --help */
static enum follows follows_name(const struct command *in, const char *name)
{
    const size_t len = strcspn(name, "=");
    const struct typed t = { .name = name, .len = len };
    const struct typed without_no = { .name = name + 3, .len = len - 3 };
    enum follows f = follows_row(find_option(in, &t));
    if (strncmp(name, "help", len) == 0 || strncmp(name, "version", len) == 0)
        f = NO_VALUE;
    else if (f == UNKNOWN && len > 3 && strncmp(name, "no-", 3) == 0)
        f = find_option(in, &without_no) != NULL ? NO_VALUE : UNKNOWN;
    return f == VALUE && name[len] == '=' ? NO_VALUE : f;
}

/* -v, -n 5, -n5, -vn 5 */
static enum follows follows_letters(const struct command *in, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        const struct typed t = { .name = "", .letter = *letters };
        const enum follows f = *letters == 'h' ? NO_VALUE : follows_row(find_option(in, &t));
        if (f == UNKNOWN)
            return f;
        if (f == VALUE)
            return letters[1] == '\0' ? VALUE : NO_VALUE;
    }
    return NO_VALUE;
}

/* --- Commands ------------------------------------------------------------------------ */

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

const char *command_line_order(const struct command *in, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char *word = argv[i];
        if (!is_option(word)) {
            memmove(&argv[2], &argv[1], (size_t)(i - 1) * sizeof *argv);
            argv[1] = word;
            return NULL;
        }
        const enum follows f =
            word[1] == '-' ? follows_name(in, word + 2) : follows_letters(in, word + 1);
        if (f == UNKNOWN)
            return word;
        i += f == VALUE;
    }
    return NULL;
}

const struct command *command_line_find(const struct command *in, const char *word)
{
    for (const struct command *c = in; c->name != NULL; c++)
        if (strcmp(word, command_word(c)) == 0)
            return c;
    return NULL;
}

static void try_rows(struct nearest *n, const struct option_row *rows, size_t nrows)
{
    for (size_t i = 0; i < nrows; i++)
        nearest_try(n, rows[i].name);
}

static void try_options(struct nearest *n, const struct command *in)
{
    for (const struct command *c = in; c->name != NULL; c++) {
        if (c->commands != NULL)
            try_options(n, c->commands);
        else
            try_rows(n, c->runs->options.rows, c->runs->options.n);
    }
}

const char *command_line_guess(const struct command *in, const char *word)
{
    const char *name = word + strspn(word, "-");
    struct nearest n = nearest_to(name, strcspn(name, "="));
    if (!is_option(word)) {
        for (const struct command *c = in; c->name != NULL; c++)
            nearest_try(&n, c->name);
        return n.best;
    }
    for (size_t i = 0; i < GROUPS_OF_ALL; i++)
        try_rows(&n, groups[i]->rows, groups[i]->nrows);
    try_options(&n, in);
    return n.best;
}
