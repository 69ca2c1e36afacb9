/* Which of the two servers a command asks that both could answer. */
#ifndef CLI_WHICH_SERVER_H
#define CLI_WHICH_SERVER_H

#include "session.h"

enum which_server { SERVER_POST, SERVER_USER };

/* @which is an int. */
/* clang-format off */
#define ROW_SERVER(which)                                                                          \
    {                                                                                              \
        .name = "server", .kind = OPTION_CHOICE, .value = &(which),                                \
        .help = "whom to ask: the one at --target, or at --user-target", .choices = "post|user"    \
    }
/* clang-format on */

static inline struct channel *which_channel(const struct session *s, int which)
{
    return which == SERVER_USER ? s->user : s->post;
}

#endif
