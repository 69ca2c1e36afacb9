/* users: picks one of its three commands. */
#include "users.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "common.h"
#include "session.h"

static void print_help(void)
{
    puts("Usage: postcli users get|list|resolve [OPTION]...\n"
         "Shows people of the User service.\n\n"
         "  get ID...        what is known of them\n"
         "  list             everybody, page by page\n"
         "  resolve [ID]...  their names, by one bidirectional call\n\n"
         "postcli users get --help and so on tell more.");
}

int users_command(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "get") == 0)
        return users_get_command(argc - 1, argv + 1);
    if (strcmp(name, "list") == 0)
        return users_list_command(argc - 1, argv + 1);
    if (strcmp(name, "resolve") == 0)
        return users_resolve_command(argc - 1, argv + 1);
    if (strcmp(name, "--help=words") == 0) {
        puts("get\nlist\nresolve\n--help");
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0)
        return usage_error("users", "get, list or resolve?", name);
    print_help();
    return EXIT_DONE;
}
