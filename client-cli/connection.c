#include "connection.h"

#include "runtime/core_log.h"

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
    TLS_CLIENT_ROWS("", connection.tls),
};

const struct option_group connection_calls_group = {
    .title = "Connection",
    .rows = rows,
    .nrows = sizeof rows / sizeof rows[0],
};

static struct tls_client *tls;

const char *connection_check(void)
{
    return tls_client_check(&connection.tls);
}

bool connection_open(char error[TLS_ERROR_MAX])
{
    core_log_init(NULL); /* a failed connection is told by the status of its call */
    return tls_client_new(&tls, &connection.tls, error);
}

void connection_close(void)
{
    tls_client_free(tls);
}

struct channel_options connection_channel(void)
{
    return (struct channel_options){ .tls = tls };
}
