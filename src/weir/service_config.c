#include "service_config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* --- Built in ----------------------------------------------------------------------- */

/* Each failure takes one of ten tokens and each success gives a tenth of one
 * back; below five nothing is repeated. */
static json_t *throttling(void)
{
    return json_pack("{s:i, s:f}", "maxTokens", 10, "tokenRatio", 0.1);
}

static json_t *retry_policy(unsigned retries)
{
    return json_pack("{s:i, s:s, s:s, s:i, s:[s]}", "maxAttempts", (int)retries + 1,
                     "initialBackoff", "0.05s", "maxBackoff", "1s", "backoffMultiplier", 2,
                     "retryableStatusCodes", "UNAVAILABLE");
}

/* "v1.post.Post/ImportPosts" */
static json_t *method_name(const char *method)
{
    const size_t service_len = strcspn(method, "/");
    return json_pack("{s:s%, s:s}", "service", method, service_len, "method",
                     method + service_len + 1);
}

static json_t *method_names(const char *const *methods)
{
    json_t *names = json_array();
    for (; *methods != NULL; methods++)
        json_array_append_new(names, method_name(*methods));
    return names;
}

/* What holds for all methods but those that are named. */
static json_t *method_configs(const struct service_config *c)
{
    json_t *configs = json_array();
    if (c->retries == 0)
        return configs;
    json_array_append_new(
        configs, json_pack("{s:[{}], s:o}", "name", "retryPolicy", retry_policy(c->retries)));
    if (c->never_repeated != NULL)
        json_array_append_new(configs, json_pack("{s:o}", "name", method_names(c->never_repeated)));
    return configs;
}

char *service_config_make(const struct service_config *c)
{
    const bool round_robin = c->lb == LB_ROUND_ROBIN;
    json_t *config =
        json_pack("{s:[{s:{}}], s:o}", "loadBalancingConfig",
                  round_robin ? "round_robin" : "pick_first", "methodConfig", method_configs(c));
    if (round_robin && c->health_service != NULL)
        json_object_set_new(config, "healthCheckConfig",
                            json_pack("{s:s}", "serviceName", c->health_service));
    if (c->retries > 0)
        json_object_set_new(config, "retryThrottling", throttling());
    char *text = json_dumps(config, JSON_COMPACT | JSON_REAL_PRECISION(3));
    json_decref(config);
    return text;
}

/* --- From a file -------------------------------------------------------------------- */

char *service_config_read(const char *path, char error[SERVICE_CONFIG_ERROR_MAX])
{
    json_error_t why;
    json_t *config = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (config == NULL && why.line > 0)
        snprintf(error, SERVICE_CONFIG_ERROR_MAX, "%.100s:%d: %s", path, why.line, why.text);
    else if (config == NULL)
        snprintf(error, SERVICE_CONFIG_ERROR_MAX, "%s", why.text);
    else if (!json_is_object(config))
        snprintf(error, SERVICE_CONFIG_ERROR_MAX, "%.100s: a service config is a JSON object",
                 path);
    char *text = json_is_object(config) ? json_dumps(config, JSON_COMPACT) : NULL;
    json_decref(config);
    return text;
}
