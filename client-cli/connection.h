/* How postcli reaches the services: the options "Connection", the same for
 * every command that calls anybody, and the channels that follow from them.
 *
 * common_parse() reads them, so a command lists none of them itself. */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include "runtime/channel.h"
#include "runtime/options.h"
#include "runtime/tls.h"

struct connection {
    const char *target, *user_target;
    struct tls_client_options tls;
};

/** What the group sets; the defaults until options_parse(). */
extern struct connection connection;
extern const struct option_group connection_calls_group;

/** What is wrong with the options together, or NULL. */
const char *connection_check(void);

/** Makes what the channels share. Returns true; or false, and @error tells in
 * one line which file is wrong and how. */
bool connection_open(char error[TLS_ERROR_MAX]);

/** After the channels. */
void connection_close(void);

/** What every channel of this process begins with; its pointers stay valid. */
struct channel_options connection_channel(void);

#endif
