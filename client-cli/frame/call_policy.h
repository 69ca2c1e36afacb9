/* What becomes of calls: how they are spread over servers, when they are made
 * again, how a dead connection is noticed. The options "Calls", the same for
 * every command that calls anybody; common_parse() reads them. */
#ifndef CLI_CALL_POLICY_H
#define CLI_CALL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "connection.h"
#include "weir/channel.h"

struct call_policy {
    int lb;                     /* enum lb_policy */
    int64_t retries;            /* of a call that ended UNAVAILABLE before anything came back */
    const char *service_config; /* a file, instead of both; NULL: none */
    bool wait_for_ready;
    uint64_t keepalive_time_ms, keepalive_timeout_ms;
    bool keepalive_without_stream;
};

/** What the group sets; its defaults until options_parse(). */
extern struct call_policy call_policy;
extern const struct option_group call_policy_group;

/** Makes a channel to @target with these options and those of the policy, for
 * calls of @service ("v1.post.Post"). Returns true; or false, and @error says
 * in one line what is wrong with the target or the file. */
bool call_policy_channel(struct channel **ret, const char *target, const char *service,
                         struct channel_options options, char error[CONNECTION_ERROR_MAX]);

#endif
