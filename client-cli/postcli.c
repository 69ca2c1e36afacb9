/* postcli: the Post and User services from a terminal. */
#include <stdio.h>
#include <string.h>

#include "base/standard_fds.h"
#include "base/version.h"
#include "client-cli/output/text.h"
#include "command_line.h"
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

/* Says so in one line, and what was perhaps meant. */
static int unknown(const char *what, const struct command *in, const char *word)
{
    const char *guess = command_line_guess(in, word);
    const bool is_option = word[0] == '-';
    fprintf(stderr, "postcli: unknown %s%s%s", what, is_option ? " " : ": ", word);
    if (guess != NULL)
        fprintf(stderr, "; did you mean %s%s?", is_option ? "--" : "", guess);
    fputs(" (try postcli --help)\n", stderr);
    return EXIT_USAGE;
}

/* --- A command that is a name for others -------------------------------------------- */

static int run_one_of(const struct command *group, int argc, char **argv)
{
    char room[WORDS_MAX];
    const char *words = arguments_of(group, room);
    const char *no_option = command_line_order(group->commands, argc, argv);
    const char *word = argc > 1 ? argv[1] : "";
    const struct command *c = command_line_find(group->commands, word);
    if (c != NULL)
        return run(c, argc - 1, argv + 1);
    if (strcmp(word, "--help=words") == 0) {
        print_words(group->commands);
        return EXIT_DONE;
    }
    if (no_option != NULL)
        return unknown("option", group->commands, no_option);
    if (!is_help(word))
        return choice_error(group->name, words, word);
    printf("Usage: postcli %s %s [OPTION]...\n%s\n\n", group->name, words, group->summary);
    print_list(group->commands, GROUP_COLUMNS);
    printf("\npostcli %s --help and so on say more.\n", group->commands->name);
    return EXIT_DONE;
}

static int run(const struct command *c, int argc, char **argv)
{
    return c->commands != NULL ? run_one_of(c, argc, argv) : command_run(c, argc, argv);
}

/* --- The program -------------------------------------------------------------------- */

static const char *const examples[] = {
    "postcli list --limit 5                 # the first five posts",
    "postcli --target localhost:9001 list   # the posts of this server",
    "postcli stream-list --format ndjson    # every post, one JSON object a line",
    "postcli users get 1 3                  # two users",
    "postcli help stream-list               # the options of a command, and examples",
};

static void print_usage(FILE *to)
{
    fputs("Usage: postcli COMMAND [OPTION]...\n", to);
}

static void print_help(void)
{
    print_usage(stdout);
    puts("Lists, imports, deletes and generates posts and users over gRPC.\n\nCommands:");
    print_list(commands, NAME_COLUMNS);
    puts("\nExamples:");
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        printf("  %s\n", examples[i]);
    puts("\npostcli help COMMAND and postcli COMMAND --help say more about a command, and\n"
         "postcli --version prints the version. The exit status is 0 when all was done, 1 when\n"
         "a call failed or records were rejected, 2 for wrong usage, and 130 after Ctrl-C.");
}

/* The manual's first page; each command has its own. */
static void print_man(void)
{
    char room[WORDS_MAX];
    puts(".TH POSTCLI 1 \"\" \"" VERSION "\"\n.SH NAME\npostcli \\- lists, imports, deletes and "
         "generates posts and users over gRPC\n.SH SYNOPSIS\n.B postcli\nCOMMAND [OPTION]...\n"
         ".SH COMMANDS");
    for (const struct command *c = commands; c->name != NULL; c++)
        printf(".TP\n\\fB%s\\fR %s\n%s\n", c->name, arguments_of(c, room), c->help);
    puts(".SH EXIT STATUS\n0 when all was done, 1 when a call failed or records were rejected, 2 "
         "for "
         "wrong usage, and 130 after Ctrl-C.\n.SH EXAMPLES\n.nf");
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        puts(examples[i]);
    puts(".fi\n.SH SEE ALSO\nThe page of a command, such as postcli-list(1).");
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
    fputs("postcli --help says more.\n", stderr);
    return EXIT_USAGE;
}

/* "help list" is "list --help". */
static void turn_help(int argc, char **argv)
{
    static char help[] = "--help";
    memmove(&argv[1], &argv[2], (size_t)(argc - 2) * sizeof *argv);
    argv[argc - 1] = help;
}

/* Without a command. */
static int run_alone(const char *word)
{
    if (is_help(word)) {
        print_help();
    } else if (strcmp(word, "--version") == 0) {
        puts("postcli " VERSION);
    } else if (strcmp(word, "--help=man") == 0) {
        print_man();
    } else if (strcmp(word, "--help=words") == 0) {
        print_words(commands);
        puts("--version");
    } else if (word[0] == '-') {
        fprintf(stderr, "postcli: there is no command beside %s (try postcli --help)\n", word);
        return EXIT_USAGE;
    } else {
        return unknown("command", commands, word);
    }
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    standard_fds_occupy();
    text_init();
    const char *no_option = command_line_order(commands, argc, argv);
    if (no_option == NULL && argc > 1 && strcmp(argv[1], "help") == 0) {
        turn_help(argc, argv);
        no_option = command_line_order(commands, argc, argv);
    }
    if (argc < 2)
        return print_what_there_is();
    const struct command *c = command_line_find(commands, argv[1]);
    if (c != NULL)
        return run(c, argc - 1, argv + 1);
    return no_option != NULL ? unknown("option", commands, no_option) : run_alone(argv[1]);
}
