/* Service configs: the JSON that we make, and the one that a user gives. What
 * it means is the core's to say, so each is given to a channel as well. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/channel.h"
#include "weir/grpc_core/core_log.h"
#include "weir/loop.h"
#include "weir/service_config.h"

/* Why the core refuses; "" if it does not. */
static const char *refusal(const char *target, const char *config)
{
    static char why[CHANNEL_ERROR_MAX];
    const struct channel_options options = { .service_config = config };
    struct channel *channel;
    struct loop *loop; /* initialises gRPC */
    core_log_init(NULL);
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(channel_new(&channel, target, &options), 0);
    cr_assert_eq(channel_check(channel, why), why[0] == '\0');
    channel_free(channel);
    loop_free(loop);
    return why;
}

static void check_made(const struct service_config *config, const char *want)
{
    char *text = service_config_make(config);
    cr_assert_str_eq(text, want);
    cr_assert_str_eq(refusal("localhost:1", text), "");
    free(text);
}

Test(service_config, nothing_asked_for)
{
    check_made(&(struct service_config){ 0 }, "{\"loadBalancingConfig\":[{\"pick_first\":{}}],"
                                              "\"methodConfig\":[]}");
}

Test(service_config, round_robin_asks_for_health)
{
    check_made(&(struct service_config){ .lb = LB_ROUND_ROBIN, .health_service = "v1.user.User" },
               "{\"loadBalancingConfig\":[{\"round_robin\":{}}],"
               "\"methodConfig\":[],"
               "\"healthCheckConfig\":{\"serviceName\":\"v1.user.User\"}}");
}

Test(service_config, retries_and_what_is_not_repeated)
{
    static const char *const once[] = { "a.B/C", "a.B/D", NULL };
    check_made(&(struct service_config){ .retries = RETRIES_MAX, .never_repeated = once },
               "{\"loadBalancingConfig\":[{\"pick_first\":{}}],"
               "\"methodConfig\":[{\"name\":[{}],"
               "\"retryPolicy\":{\"maxAttempts\":5,\"initialBackoff\":\"0.05s\","
               "\"maxBackoff\":\"1s\",\"backoffMultiplier\":2,"
               "\"retryableStatusCodes\":[\"UNAVAILABLE\"]}},"
               "{\"name\":[{\"service\":\"a.B\",\"method\":\"C\"},"
               "{\"service\":\"a.B\",\"method\":\"D\"}]}],"
               "\"retryThrottling\":{\"maxTokens\":10,\"tokenRatio\":0.1}}");
}

/* --- Files -------------------------------------------------------------------------- */

static char *read_text(const char *text, char *error)
{
    char path[] = "/tmp/service-config-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    char *config = service_config_read(path, error);
    unlink(path);
    return config;
}

Test(service_config, a_file_is_read)
{
    char error[SERVICE_CONFIG_ERROR_MAX];
    char *config = read_text("{\n  \"loadBalancingConfig\": [{\"round_robin\": {}}]\n}\n", error);
    cr_assert_str_eq(config, "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}");
    free(config);
}

Test(service_config, a_bad_file_is_explained)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "{\n\"a\": 1,\n}", ":3: " },
        { "[]", "a service config is a JSON object" },
        { "", ":1: " },
        { "{\"a\":1,\"a\":2}", "duplicate" },
    };
    char error[SERVICE_CONFIG_ERROR_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_null(read_text(cases[i].text, error));
        cr_assert_not_null(strstr(error, cases[i].why), "%s", error);
    }
    cr_assert_null(service_config_read("/no/such/file", error));
    cr_assert_not_null(strstr(error, "/no/such/file"), "%s", error);
}

/* --- What the core takes ------------------------------------------------------------ */

Test(service_config, the_core_says_what_it_does_not_take)
{
    const char *why = refusal("localhost:1", "{\"loadBalancingConfig\":[{\"luck\":{}}]}");
    cr_assert_not_null(strstr(why, "No known policies in list: luck"), "%s", why);
    why = refusal("localhost:1",
                  "{\"methodConfig\":[{\"name\":[{}],\"retryPolicy\":{\"maxAttempts\":1}}]}");
    cr_assert_not_null(strstr(why, "retryPolicy"), "%s", why);
}

Test(service_config, targets)
{
    static const struct {
        const char *target;
        bool good;
    } cases[] = {
        { "localhost:1", true },
        { "unix:/a,b", true },
        { "127.0.0.1:1,127.0.0.2:2", true },
        { "ipv4:127.0.0.1:1,127.0.0.2:2", true },
        { "[::1]:1,[::1]:2", true },
        { "a:1,b:2", false }, /* names go through dns:, one at a time */
        { "127.0.0.1:1,b:2", false },
        { "ipv4:127.0.0.1", false },
        { "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = refusal(cases[i].target, NULL);
        cr_assert_eq(*why == '\0', cases[i].good, "%s: %s", cases[i].target, why);
    }
}
