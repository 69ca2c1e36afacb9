/* The commands of postcli: the table, in the order in which --help lists them,
 * and what its rows run, each in a file of its own. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "client-cli/frame/command.h"

/** Up to one without a name. */
extern const struct command commands[];

extern const struct routine list_routine, stream_list_routine;
extern const struct routine collect_list_routine, bidi_list_routine;
extern const struct routine get_routine, demo_routine, bench_routine, import_routine,
    generate_routine;
extern const struct routine delete_posts_routine, delete_users_routine;
extern const struct routine users_get_routine, users_list_routine, users_resolve_routine;
extern const struct routine health_routine, describe_routine, call_routine;

#endif
