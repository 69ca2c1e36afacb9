/* postcli: the Post and User services from a terminal. */
#include <stdio.h>
#include <string.h>

#include "base/standard_fds.h"
#include "client-cli/output/text.h"
#include "commands.h"

#define LINE_COLUMNS  84
#define NAME_COLUMNS  27  /* of a command and its arguments in a list */
#define GROUP_COLUMNS 19  /* of one in a group */
#define WORDS_MAX     128 /* bytes of what may follow a group's name, with the NUL */

static int run(const struct command *c, int argc, char **argv);

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static const struct command *find(const struct command *in, const char *word)
{
    for (const struct command *c = in; c->name != NULL; c++)
        if (strcmp(word, command_word(c)) == 0)
            return c;
    return NULL;
}

/* --- Lists of commands -------------------------------------------------------------- */

/* What follows its name: after that of a group, one of the words in it. */
static const char *arguments_of(const struct command *c, char room[WORDS_MAX])
{
    size_t n = 0;
    if (c->commands == NULL)
        return c->arguments;
    room[0] = '\0';
    for (const struct command *k = c->commands; k->name != NULL && n < WORDS_MAX; k++)
        n += (size_t)snprintf(room + n, WORDS_MAX - n, "%s%s", n > 0 ? "|" : "", command_word(k));
    return room;
}

static void print_list(const struct command *in, int columns)
{
    char room[WORDS_MAX];
    for (const struct command *c = in; c->name != NULL; c++) {
        const char *arguments = arguments_of(c, room);
        const char *space = *arguments != '\0' ? " " : "";
        int width = printf("  %s%s%s", command_word(c), space, arguments);
        printf("%*s%s\n", width < columns ? columns - width : 1, "", c->help);
    }
}

/* For a shell's completion. */
static void print_words(const struct command *in)
{
    for (const struct command *c = in; c->name != NULL; c++)
        puts(command_word(c));
    puts("--help");
}

/* --- A command that is a name for others -------------------------------------------- */

static int run_one_of(const struct command *group, int argc, char **argv)
{
    char room[WORDS_MAX];
    const char *words = arguments_of(group, room);
    const char *word = argc > 1 ? argv[1] : "";
    const struct command *c = find(group->commands, word);
    if (c != NULL)
        return run(c, argc - 1, argv + 1);
    if (strcmp(word, "--help=words") == 0) {
        print_words(group->commands);
        return EXIT_DONE;
    }
    if (!is_help(word))
        return choice_error(group->name, words, word);
    printf("Usage: postcli %s %s [OPTION]...\n%s\n\n", group->name, words, group->summary);
    print_list(group->commands, GROUP_COLUMNS);
    printf("\npostcli %s --help and so on tell more.\n", group->commands->name);
    return EXIT_DONE;
}

static int run(const struct command *c, int argc, char **argv)
{
    return c->commands != NULL ? run_one_of(c, argc, argv) : command_run(c, argc, argv);
}

/* --- The program -------------------------------------------------------------------- */

static void print_usage(FILE *to)
{
    fputs("Usage: postcli COMMAND [OPTION]...\n", to);
}

static void print_help(void)
{
    print_usage(stdout);
    puts("Lists, imports, deletes and generates posts and users over gRPC.\n\nCommands:");
    print_list(commands, NAME_COLUMNS);
    puts("\npostcli COMMAND --help tells more. Exit status: 0 done, 1 a call failed or\n"
         "records were rejected, 2 wrong usage, 130 interrupted.");
}

/* The manual's first page; each command has its own. */
static void print_man(void)
{
    char room[WORDS_MAX];
    puts(".TH POSTCLI 1\n.SH NAME\npostcli \\- lists, imports, deletes and generates posts and "
         "users over "
         "gRPC\n.SH SYNOPSIS\n.B postcli\nCOMMAND [OPTION]...\n.SH COMMANDS");
    for (const struct command *c = commands; c->name != NULL; c++)
        printf(".TP\n\\fB%s\\fR %s\n%s\n", c->name, arguments_of(c, room), c->help);
    puts(".SH EXIT STATUS\n0 done, 1 a call failed or records were rejected, 2 wrong usage, 130 "
         "interrupted.\n.SH SEE ALSO\nThe page of a command, such as postcli-list(1).");
}

/* Their names, one behind the other. */
static void print_names(FILE *to)
{
    int column = fprintf(to, "Commands:");
    for (const struct command *c = commands; c->name != NULL; c++) {
        const char *comma = c[1].name != NULL ? "," : "";
        const int width = (int)(strlen(c->name) + strlen(comma));
        const bool fits = column + 1 + width <= LINE_COLUMNS;
        fprintf(to, "%s%s%s", fits ? " " : "\n", c->name, comma);
        column = fits ? column + 1 + width : width;
    }
    fputs("\n", to);
}

static int print_what_there_is(void)
{
    print_usage(stderr);
    print_names(stderr);
    fputs("postcli --help tells more.\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    standard_fds_occupy();
    text_init();
    if (argc < 2)
        return print_what_there_is();
    const struct command *c = find(commands, argv[1]);
    if (c != NULL)
        return run(c, argc - 1, argv + 1);
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        print_help();
    } else if (strcmp(argv[1], "--help=man") == 0) {
        print_man();
    } else if (strcmp(argv[1], "--help=words") == 0) {
        print_words(commands);
    } else {
        fprintf(stderr, "postcli: unknown command: %s (try postcli --help)\n", argv[1]);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}
