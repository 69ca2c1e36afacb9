#include "user_channels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/service_config.h"
#include "weir/target.h"

/* A User that is frozen is noticed within 15 s, and its names are forgotten. */
struct user_channels user_channels = {
    .target = "localhost:9000",
    .timeout_ms = 5000,
    .lb = LB_PICK_FIRST,
    .keepalive_time_ms = 10000,
    .keepalive_timeout_ms = 5000,
    .token = { .allow_option = "--user-allow-insecure-token" },
};

static const struct option_row rows[] = {
    OPT_TEXT("user-target", user_channels.target,
             "where User is: host:port, dns:, unix:, ipv4: or ipv6:; several with the same people "
             "are written a:port,b:port",
             .arg = "TARGET"),
    OPT_CHOICE("user-lb", user_channels.lb,
               "which of several addresses to use: the first that answers, or for each loop the "
               "next one that is healthy",
               .choices = LB_CHOICES),
    OPT_DURATION("user-timeout", user_channels.timeout_ms,
                 "how long a listing waits for a name before it fails with UNAVAILABLE"),
    OPT_DURATION("wait-for-user", user_channels.wait_ms,
                 "serve only when User answers, and exit if it does not answer within this time; "
                 "0: do not wait"),
    OPT_DURATION("user-keepalive-time", user_channels.keepalive_time_ms,
                 "ping User when it has been silent for this long, but not more often than its "
                 "--keepalive-min-time allows; 0: never"),
    OPT_DURATION("user-keepalive-timeout", user_channels.keepalive_timeout_ms,
                 "User counts as gone if it has not answered the ping by then"),
    TLS_CLIENT_ROWS("user-", user_channels.tls),
    TOKEN_CLIENT_ROWS("user-", user_channels.token),
};

const struct option_group user_channels_group = { "User service", rows,
                                                  sizeof rows / sizeof rows[0] };

static struct tls_client *tls;
static struct token_sender sender;
static struct token_use token_use;
static const struct loop *first_loop; /* keeps the token current */

/* The target with its ports. */
static char target[TARGET_MAX];

const char *user_channels_check(void)
{
    static char error[TARGET_ERROR_MAX + 32];
    char why[TARGET_ERROR_MAX];
    if (!target_complete(user_channels.target, "9000", target, why)) {
        snprintf(error, sizeof error, "--user-target: %s", why);
        return error;
    }
    user_channels.target = target;
    return tls_client_check(&user_channels.tls);
}

bool user_channels_open(struct loop *first, struct chain *chain, char error[TLS_ERROR_MAX])
{
    if (!tls_client_new(&tls, &user_channels.tls, error))
        return false;
    if (!token_sender_open(&sender, &user_channels.token, error)) {
        tls_client_free(tls);
        return false;
    }
    token_sender_join(&sender, &user_channels.token, user_channels.target, tls != NULL, &token_use,
                      chain);
    token_sender_start(&sender, first);
    first_loop = first;
    return true;
}

void user_channels_stop(const struct loop *loop)
{
    if (loop == first_loop)
        token_sender_stop(&sender);
}

void user_channels_close(void)
{
    token_sender_close(&sender);
    tls_client_free(tls);
}

int user_channel_new(struct channel **ret, const struct chain *chain, char error[CHANNEL_ERROR_MAX])
{
    /* No retries: the resolver itself opens its stream again, for ever. */
    const struct service_config config = {
        .lb = (enum lb_policy)user_channels.lb,
        .health_service = "v1.user.User",
    };
    char *json = service_config_make(&config);
    const struct channel_options options = {
        .keepalive_time_ms = user_channels.keepalive_time_ms,
        .keepalive_timeout_ms = user_channels.keepalive_timeout_ms,
        .own_connection = true,
        .tls = tls,
        .chain = chain,
        .service_config = json,
    };
    struct channel *channel;
    int rv = json == NULL ? -1 : channel_new(&channel, user_channels.target, &options);
    free(json);
    if (rv != 0) {
        snprintf(error, CHANNEL_ERROR_MAX, "out of memory");
        return -1;
    }
    if (!channel_check(channel, error)) {
        channel_free(channel);
        return -1;
    }
    *ret = channel;
    return 0;
}
