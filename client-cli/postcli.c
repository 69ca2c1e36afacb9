/* postcli: the Post and User services from a terminal. */
#include <stdio.h>
#include <string.h>

#include "base/standard_fds.h"
#include "command.h"
#include "session.h"
#include "text.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *help;
} commands[] = {
    { "list", list_command, "", "posts, page by page (unary calls)" },
    { "stream-list", stream_list_command, "", "posts as they come (server streaming)" },
    { "collect-list", collect_list_command, "[ID]...",
      "posts of many users in one answer (client streaming)" },
    { "bidi-list", bidi_list_command, "[ID]...",
      "posts of many users, one by one (bidirectional)" },
    { "demo", demo_command, "", "shows the four call shapes side by side" },
    { "bench", bench_command, "SHAPE", "load test: calls a second, latencies, a report" },
    { "import", import_command, "posts|users FILE", "stores records read from NDJSON" },
    { "generate", generate_command, "posts|users", "prints made-up records as NDJSON" },
    { "users", users_command, "get|list|resolve", "people and their names" },
    { "health", health_command, "[SERVICE]", "whether a server serves (grpc.health.v1)" },
    { "describe", describe_command, "[SYMBOL]", "what a server serves (reflection)" },
};

static void print_usage(FILE *to)
{
    fputs("Usage: postcli COMMAND [OPTION]...\n", to);
}

static void print_help(void)
{
    print_usage(stdout);
    puts("Lists, imports and generates posts and users over gRPC.\n\nCommands:");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        int width = printf("  %s%s%s", c->name, *c->arguments != '\0' ? " " : "", c->arguments);
        printf("%*s%s\n", width < 27 ? 27 - width : 1, "", c->help);
    }
    puts("\npostcli COMMAND --help tells more. Exit status: 0 done, 1 a call failed or\n"
         "records were rejected, 2 wrong usage, 130 interrupted.");
}

/* The manual's first page; each command has its own. */
static void print_man(void)
{
    puts(".TH POSTCLI 1\n.SH NAME\npostcli \\- lists, imports and generates posts and users over "
         "gRPC\n.SH SYNOPSIS\n.B postcli\nCOMMAND [OPTION]...\n.SH COMMANDS");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf(".TP\n\\fB%s\\fR %s\n%s\n", commands[i].name, commands[i].arguments,
               commands[i].help);
    puts(".SH EXIT STATUS\n0 done, 1 a call failed or records were rejected, 2 wrong usage, 130 "
         "interrupted.\n.SH SEE ALSO\nThe page of a command, such as postcli-list(1).");
}

/* For a shell's completion. */
static void print_words(void)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        puts(commands[i].name);
    puts("--help");
}

int main(int argc, char **argv)
{
    standard_fds_occupy();
    text_init();
    if (argc < 2) {
        print_usage(stderr);
        fputs(
            "Commands: list, stream-list, collect-list, bidi-list, demo, bench, import, generate,\n"
            "users, health, describe\n"
            "postcli --help tells more.\n",
            stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--help=man") == 0) {
        print_man();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--help=words") == 0) {
        print_words();
        return EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "postcli: unknown command: %s (try postcli --help)\n", argv[1]);
    return EXIT_USAGE;
}
