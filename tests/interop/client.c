/* interop-client: runs one test case, or "all", against a server. Exit status:
 * 0 it passed, 1 it did not, 2 bad usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "cases.h"
#include "flags.h"
#include "weir/loop.h"
#include "weir/tls.h"

static struct {
    const char *host, *host_override, *test_case;
    int64_t port;
    int use_tls, use_test_ca;
} flags = { .host = "localhost", .port = 8080, .host_override = "", .test_case = "large_unary" };

static struct interop t = {
    .user = "interop-user",
    .scope = "test.scope",
    .soak = { .iterations = 10, .latency_ms = 1000, .timeout_seconds = 10 },
};

static const struct option_row rows[] = {
    OPT_TEXT("server_host", flags.host, "where the server is", .arg = "HOST"),
    OPT_INT("server_port", flags.port, "its port", .arg = "PORT", .min = 1, .max = 65535),
    OPT_TEXT("server_host_override", flags.host_override, "the name in its certificate",
             .arg = "HOST"),
    OPT_TEXT("test_case", flags.test_case, "what to run, or all", .arg = "NAME"),
    OPT_CHOICE("use_tls", flags.use_tls, "encrypt", .arg = "BOOL", .choices = "false|true"),
    OPT_CHOICE("use_test_ca", flags.use_test_ca, "trust ca.pem in $" FLAGS_CREDENTIALS,
               .arg = "BOOL", .choices = "false|true"),
    OPT_TEXT("default_service_account", t.user, "who calls, where one must", .arg = "NAME"),
    OPT_TEXT("oauth_scope", t.scope, "what that one may", .arg = "SCOPE"),
    OPT_INT("soak_iterations", t.soak.iterations, "calls of a soak test"),
    OPT_INT("soak_max_failures", t.soak.max_failures, "of them, that may fail"),
    OPT_INT("soak_per_iteration_max_acceptable_latency_ms", t.soak.latency_ms,
            "a slower call has failed", .arg = "MS"),
    OPT_INT("soak_overall_timeout_seconds", t.soak.timeout_seconds, "of all calls", .arg = "S"),
};

static struct tls_client *tls; /* NULL: plaintext */

/* Runners name the certificate's host in plaintext too. */
static bool make_tls(void)
{
    struct tls_client_options options = { .on = true, .server_name = flags.host_override };
    static char ca[4096]; /* tls_client_new() keeps the name, to look at the file again */
    char error[TLS_ERROR_MAX];
    if (!flags.use_tls)
        return true;
    if (flags.use_test_ca)
        options.ca = flags_credential("ca.pem", ca, sizeof ca);
    if (tls_client_new(&tls, &options, error))
        return true;
    fprintf(stderr, "interop-client: %s\n", error);
    return false;
}

/* With "all", people are told of each. What a failed case opened stays open. */
static bool run_case(const struct interop_case *c, bool of_many)
{
    t.channel_options = (struct channel_options){
        .compress = c->compress,
        .own_connection = true,
        .tls = tls,
    };
    if (channel_new(&t.channel, t.target, &t.channel_options) != 0)
        abort();
    const bool passed = c->run(&t);
    if (of_many || !passed)
        fprintf(stderr, "%-32s%s\n", c->name, passed ? "passed" : "FAILED");
    if (passed)
        channel_free(t.channel);
    return passed;
}

static bool run_cases(bool *ret_known)
{
    const bool all = strcmp(flags.test_case, "all") == 0;
    bool passed = true;
    for (size_t i = 0; i < interop_ncases; i++)
        if (all || strcmp(flags.test_case, interop_cases[i].name) == 0) {
            *ret_known = true;
            passed &= run_case(&interop_cases[i], all);
        }
    return passed;
}

int main(int argc, char **argv)
{
    const struct option_program program = {
        .name = "interop-client",
        .usage = "[OPTION]...",
        .summary = "Runs test cases of gRPC's interoperability tests.",
        .rows = rows,
        .nrows = sizeof rows / sizeof rows[0],
    };
    char target[300];
    bool known = false;
    int first;
    const enum option_result result = options_parse(&program, argc, argv, &first);
    if (result != OPTIONS_OK)
        return result == OPTIONS_HELP ? 0 : 2;
    snprintf(target, sizeof target, "%s:%d", flags.host, (int)flags.port);
    t.target = target;
    if (loop_new(&t.loop, LOOP_IN_CORE) != 0)
        abort();
    if (!make_tls())
        return 1;
    const bool passed = run_cases(&known);
    if (!known)
        fprintf(stderr, "interop-client: there is no test case %s\n", flags.test_case);
    if (!known || !passed)
        return known ? 1 : 2;
    loop_stop(t.loop);
    loop_run(t.loop); /* until nothing is in flight */
    tls_client_free(tls);
    loop_free(t.loop);
    return 0;
}
