#include "common.h"

#include <stdio.h>
#include <unistd.h>

#include "call_policy.h"
#include "client-cli/output/terminal.h"
#include "connection.h"
#include "session.h"

struct common common = { .format = -1, .tag = "", .page_token = "" };

bool common_parse(const struct option_program *program, bool calls, int argc, char **argv,
                  int *ret_first, int *ret_code)
{
    const struct option_group groups[] = { connection_calls_group, call_policy_group };
    struct option_program with_groups = *program;
    const char *wrong;
    if (calls) {
        with_groups.groups = groups;
        with_groups.ngroups = COUNT_OF(groups);
    }
    common.progress = isatty(STDERR_FILENO) != 0;
    switch (options_parse(&with_groups, argc, argv, ret_first)) {
    case OPTIONS_OK:
        if (calls && (wrong = connection_check()) != NULL) {
            fprintf(stderr, "postcli: %s (try --help)\n", wrong);
            *ret_code = EXIT_USAGE;
            return false;
        }
        terminal_use_colours((enum colour_use)common.color);
        if (common.format < 0)
            common.format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_NDJSON;
        return true;
    case OPTIONS_HELP:
        *ret_code = EXIT_DONE;
        return false;
    default:
        *ret_code = EXIT_USAGE;
        return false;
    }
}
