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
    { "server_host", OPTION_TEXT, &flags.host, "HOST", "where the server is", 0, 0, NULL },
    { "server_port", OPTION_INT, &flags.port, "PORT", "its port", 1, 65535, NULL },
    { "server_host_override", OPTION_TEXT, &flags.host_override, "HOST",
      "the name in its certificate", 0, 0, NULL },
    { "test_case", OPTION_TEXT, &flags.test_case, "NAME", "what to run, or all", 0, 0, NULL },
    { "use_tls", OPTION_CHOICE, &flags.use_tls, "BOOL", "encrypt", 0, 0, "false|true" },
    { "use_test_ca", OPTION_CHOICE, &flags.use_test_ca, "BOOL",
      "trust ca.pem in $" FLAGS_CREDENTIALS, 0, 0, "false|true" },
    { "default_service_account", OPTION_TEXT, &t.user, "NAME", "who calls, where one must", 0, 0,
      NULL },
    { "oauth_scope", OPTION_TEXT, &t.scope, "SCOPE", "what that one may", 0, 0, NULL },
    { "soak_iterations", OPTION_INT, &t.soak.iterations, "N", "calls of a soak test", 0, 0, NULL },
    { "soak_max_failures", OPTION_INT, &t.soak.max_failures, "N", "of them, that may fail", 0, 0,
      NULL },
    { "soak_per_iteration_max_acceptable_latency_ms", OPTION_INT, &t.soak.latency_ms, "MS",
      "a slower call has failed", 0, 0, NULL },
    { "soak_overall_timeout_seconds", OPTION_INT, &t.soak.timeout_seconds, "S", "of all calls", 0,
      0, NULL },
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
