#include "connection.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "serverkit/intercept/client_chain.h"
#include "weir/grpc_core/core_log.h"
#include "weir/target.h"

struct connection connection = {
    .target = "localhost:9001",
    .user_target = "localhost:9000",
    .token = { .allow_option = "--allow-insecure-token" },
};

/* Both targets for every command, so that a script can give the same options to
 * all. */
static const struct option_row rows[] = {
    OPT_TEXT("target", connection.target, "where the Post service is", .arg = "HOST[:PORT]"),
    OPT_TEXT("user-target", connection.user_target, "where the User service is",
             .arg = "HOST[:PORT]"),
    OPT_CHOICE("compression", connection.compression, "how to compress requests",
               .choices = "none|gzip", .arg = "none|gzip"),
    TLS_CLIENT_ROWS("", connection.tls),
    TOKEN_CLIENT_ROWS("", connection.token),
    OPT_TEXT("token", connection.token.token,
             "send this token; other users see it in the list of processes, so the environment is "
             "the better place",
             .arg = "TOKEN"),
    OPT_FLAG("verbose", connection.verbose,
             "print a line on standard error for every call: how it ended, and its request id",
             .letter = 'v'),
};

const struct option_group connection_calls_group = {
    .title = "Connection",
    .rows = rows,
    .nrows = sizeof rows / sizeof rows[0],
};

static struct tls_client *tls;
static struct token_sender sender;
static struct token_use uses[SERVICE_NR];
static struct chain chains[SERVICE_NR];

/* The targets with their ports. */
static char targets[SERVICE_NR][TARGET_MAX];

static const char *complete(const char **target, const char *option, enum service_kind service)
{
    static char error[TARGET_ERROR_MAX + 32];
    char why[TARGET_ERROR_MAX];
    const char *port = service == SERVICE_POST ? "9001" : "9000";
    if (!target_complete(*target, port, targets[service], why)) {
        snprintf(error, sizeof error, "--%s: %s", option, why);
        return error;
    }
    *target = targets[service];
    return NULL;
}

const char *connection_check(void)
{
    const char *wrong = complete(&connection.target, "target", SERVICE_POST);
    if (wrong == NULL)
        wrong = complete(&connection.user_target, "user-target", SERVICE_USER);
    if (wrong != NULL)
        return wrong;
    if (connection.token.token != NULL && connection.token.file != NULL)
        return "--token and --token-file are two tokens: give one";
    return tls_client_check(&connection.tls);
}

size_t connection_wants_token(const char *message, size_t len)
{
    static const char header[] = ": send the header \"authorization";
    const char *at = memmem(message, len, header, sizeof header - 1);
    return at != NULL ? (size_t)(at - message) : 0;
}

static void make_chain(enum service_kind service, const char *target)
{
    if (connection.verbose)
        chain_of_client(&chains[service], LOG_INFO, NULL);
    token_sender_join(&sender, &connection.token, target, tls != NULL, &uses[service],
                      &chains[service]);
}

bool connection_open(char error[CONNECTION_ERROR_MAX])
{
    if (connection.verbose)
        log_init("postcli", LOG_INFO, LOG_TEXT);
    core_log_init(NULL); /* a failed connection is told by the status of its call */
    if (!tls_client_new(&tls, &connection.tls, error))
        return false;
    if (!token_sender_open(&sender, &connection.token, error)) {
        tls_client_free(tls);
        return false;
    }
    make_chain(SERVICE_POST, connection.target);
    make_chain(SERVICE_USER, connection.user_target);
    return true;
}

void connection_start(struct loop *loop)
{
    token_sender_start(&sender, loop);
}

void connection_stop(void)
{
    token_sender_stop(&sender);
}

void connection_close(void)
{
    token_sender_close(&sender);
    tls_client_free(tls);
}

struct channel_options connection_channel(enum service_kind service)
{
    return (struct channel_options){
        .compress = connection.compression != 0,
        .tls = tls,
        .chain = &chains[service],
    };
}
