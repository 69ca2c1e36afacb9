/* The User service, as Post reaches it: the options "User service", and the
 * channel that follows from them. */
#ifndef POST_USER_CHANNELS_H
#define POST_USER_CHANNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "serverkit/auth/send_token.h"
#include "weir/channel.h"
#include "weir/tls.h"

#define USER_RESOLVE_PATH "/v1.user.User/ResolveUsers"

struct user_channels {
    const char *target;
    uint64_t timeout_ms; /* a listing waits so long for a name */
    uint64_t wait_ms;    /* --wait-for-user; 0: not at all */
    int lb;              /* enum lb_policy */
    uint64_t keepalive_time_ms, keepalive_timeout_ms;
    struct tls_client_options tls;
    struct token_client_options token;
};

/** What the group sets; its defaults until options_parse(). */
extern struct user_channels user_channels;
extern const struct option_group user_channels_group;

/** What is wrong with the options, or NULL. Adds the usual port to a target without one. */
const char *user_channels_check(void);

/** Makes what the channels share, adds to their @chain what puts a token on
 * calls, and keeps its file current on the @first loop, which does not run yet.
 * Returns true; or false, and @error tells in one line which file is wrong and
 * how. */
bool user_channels_open(struct loop *first, struct chain *chain, char error[TLS_ERROR_MAX]);

/** @loop is about to stop; on its thread, after its channel's last call. */
void user_channels_stop(const struct loop *loop);

/** After the channels. */
void user_channels_close(void);

/** Makes a channel with a connection of its own and these interceptors. Returns
 * 0; or -1, and @error says why. */
int user_channel_new(struct channel **ret, const struct chain *chain,
                     char error[CHANNEL_ERROR_MAX]);

#endif
