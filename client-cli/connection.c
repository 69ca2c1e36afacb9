#include "connection.h"

struct connection connection = {
    .target = "localhost:9001",
    .user_target = "localhost:9000",
};

/* Both targets for every command, so that a script can give the same options to
 * all. */
static const struct option_row rows[] = {
    { .name = "target",
      .kind = OPTION_TEXT,
      .value = &connection.target,
      .arg = "HOST:PORT",
      .help = "where the Post service is" },
    { .name = "user-target",
      .kind = OPTION_TEXT,
      .value = &connection.user_target,
      .arg = "HOST:PORT",
      .help = "where the User service is" },
};

const struct option_group connection_calls_group = {
    .title = "Connection",
    .rows = rows,
    .nrows = sizeof rows / sizeof rows[0],
};

struct channel_options connection_channel(void)
{
    return (struct channel_options){ 0 };
}
