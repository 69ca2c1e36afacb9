#include "call_policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "weir/service_config.h"

struct call_policy call_policy = {
    .lb = LB_PICK_FIRST,
    .retries = 3,
    .keepalive_time_ms = 30000,
    .keepalive_timeout_ms = 10000,
};

static const struct option_row rows[] = {
    OPT_CHOICE("lb", call_policy.lb,
               "which of several servers to call: the first that answers, or for each call the "
               "next one that is healthy",
               .choices = LB_CHOICES),
    OPT_INT("retries", call_policy.retries,
            "how often a call is made again that ended UNAVAILABLE before anything came back; "
            "imports and deletions are never repeated",
            .max = RETRIES_MAX),
    OPT_TEXT("service-config", call_policy.service_config,
             "take all of this from a file in gRPC's JSON, instead of --lb and --retries",
             .arg = "FILE"),
    OPT_FLAG("wait-for-ready", call_policy.wait_for_ready,
             "wait for the server until --deadline, instead of failing"),
    OPT_DURATION("keepalive-time", call_policy.keepalive_time_ms,
                 "ping a server that has been silent for this long; 0: never"),
    OPT_DURATION("keepalive-timeout", call_policy.keepalive_timeout_ms,
                 "the server counts as gone if it has not answered the ping by then"),
    OPT_FLAG("keepalive-without-stream", call_policy.keepalive_without_stream,
             "ping between calls too"),
};

const struct option_group call_policy_group = {
    .title = "Calls",
    .rows = rows,
    .nrows = sizeof rows / sizeof rows[0],
};

/* An import that is made again says "unchanged" of what the first attempt has
 * stored, and a deletion that there was nothing to delete: right, but not what the
 * user wants to know. */
static const char *const never_repeated[] = { "v1.post.Post/ImportPosts",
                                              "v1.user.User/ImportUsers",
                                              "v1.post.Post/DeletePosts",
                                              "v1.user.User/DeleteUsers", NULL };

/* NULL: @error tells. */
static char *make_config(const char *service, char error[CONNECTION_ERROR_MAX])
{
    const struct service_config config = {
        .lb = (enum lb_policy)call_policy.lb,
        .health_service = service,
        .retries = (unsigned)call_policy.retries,
        .never_repeated = never_repeated,
    };
    char why[SERVICE_CONFIG_ERROR_MAX] = "out of memory";
    char *json = call_policy.service_config != NULL
                     ? service_config_read(call_policy.service_config, why)
                     : service_config_make(&config);
    if (json == NULL)
        snprintf(error, CONNECTION_ERROR_MAX, "--service-config: %s", why);
    return json;
}

bool call_policy_channel(struct channel **ret, const char *target, const char *service,
                         struct channel_options options, char error[CONNECTION_ERROR_MAX])
{
    char *json = make_config(service, error);
    char why[CHANNEL_ERROR_MAX] = "out of memory";
    struct channel *channel = NULL;
    if (json == NULL)
        return false;
    options.service_config = json;
    options.keepalive_time_ms = call_policy.keepalive_time_ms;
    options.keepalive_timeout_ms = call_policy.keepalive_timeout_ms;
    options.keepalive_without_stream = call_policy.keepalive_without_stream;
    const int rv = channel_new(&channel, target, &options);
    free(json);
    if (rv == 0 && channel_check(channel, why)) {
        *ret = channel;
        return true;
    }
    snprintf(error, CONNECTION_ERROR_MAX, "cannot call %.100s: %s", target, why);
    channel_free(channel);
    return false;
}
