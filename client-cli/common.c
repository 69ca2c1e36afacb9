#include "common.h"

#include <stdio.h>
#include <unistd.h>

#include "call_policy.h"
#include "connection.h"
#include "session.h"

bool common_parse(struct common *c, const struct option_program *program, int argc, char **argv,
                  int *ret_first, int *ret_code)
{
    const struct option_group groups[] = { connection_calls_group, call_policy_group };
    struct option_program with_groups = *program;
    if (!c->calls_nobody) {
        with_groups.groups = groups;
        with_groups.ngroups = COUNT_OF(groups);
    }
    c->progress = isatty(STDERR_FILENO) != 0;
    switch (options_parse(&with_groups, argc, argv, ret_first)) {
    case OPTIONS_OK:
        if (!c->calls_nobody && connection_check() != NULL) {
            fprintf(stderr, "postcli: %s (try --help)\n", connection_check());
            *ret_code = EXIT_USAGE;
            return false;
        }
        if (c->format < 0)
            c->format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_NDJSON;
        return true;
    case OPTIONS_HELP:
        *ret_code = EXIT_DONE;
        return false;
    default:
        *ret_code = EXIT_USAGE;
        return false;
    }
}

int usage_error(const char *command, const char *what, const char *argument)
{
    fprintf(stderr, "postcli: %s: %s%s%s (try postcli %s --help)\n", command, what,
            *argument != '\0' ? ": " : "", argument, command);
    return EXIT_USAGE;
}
