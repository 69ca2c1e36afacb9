/* How postcli reaches the services: the options "Connection", the same for
 * every command that calls anybody, and the channels that follow from them.
 *
 * common_parse() reads them, so a command lists none of them itself. */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include "runtime/channel.h"
#include "runtime/options.h"

struct connection {
    const char *target, *user_target;
};

/** What the group sets; the defaults until options_parse(). */
extern struct connection connection;
extern const struct option_group connection_calls_group;

/** What every channel of this process begins with; its pointers stay valid. */
struct channel_options connection_channel(void);

#endif
