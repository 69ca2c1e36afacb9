/* The options that every program has, beside its own. */
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon_internal.h"
#include "serverkit/auth/auth_options.h"
#include "serverkit/intercept/call_log.h"
#include "serverkit/intercept/limits.h"
#include "serverkit/metrics/metrics_http.h"
#include "weir/connections.h"
#include "weir/server.h"
#include "weir/tls.h"
#include "weir/web_options.h"

#define MAX_GROUPS 16

/* What the rows set; handed on when all is well. */
static struct daemon_config config;

static const struct option_row rows[] = {
    OPT_LIST("listen", config.listen,
             "serve at this address; [::1]:PORT and unix:PATH work too, and port 0 takes any free "
             "port; may be repeated",
             .arg = "ADDR:PORT"),
    OPT_INT("loops", config.loops, "how many threads serve", .min = 1, .max = DAEMON_LOOPS_MAX),
    OPT_DURATION("drain-timeout", config.drain_timeout_ms,
                 "how long answers in progress may take after SIGTERM"),
    OPT_DURATION("write-timeout", config.write_timeout_ms,
                 "cut off a client that has read nothing for this long; 0: never"),
    OPT_DURATION("max-call-time", config.max_call_ms,
                 "end a unary call that has no deadline after this time; streams may take as long "
                 "as they need; 0: no limit"),
    OPT_DURATION("self-probe-interval", config.self_probe_ms,
                 "with --transport core: how often the server connects to its own listeners; if "
                 "one of them does not accept three times in a row, the process exits with 1, so "
                 "that it is started anew; 0: never"),
    OPT_CHOICE("transport", config.transport,
               "what speaks HTTP/2: http is our own code on nghttp2; core is the gRPC C core, to "
               "compare with, and only for clients that are trusted",
               .choices = "http|core"),
    OPT_FLAG("console", config.console,
             "answer / with a page that calls every method from a browser; needs --web"),
    OPT_FLAG("reflection", config.reflection,
             "tell clients by gRPC's server reflection what is served"),
    OPT_CHOICE("compression", config.compression,
               "how to compress answers, for clients that accept it", .choices = "none|gzip"),
    OPT_CHOICE("log-level", config.log_level, "the least important lines that are logged",
               .choices = "debug|info|warn|error"),
    OPT_CHOICE("log-format", config.log_format, "the form of log lines", .choices = "text|json"),
    /* The last one: not every program has it. */
    OPT_FLAG("check", config.check,
             "do not serve: check everything in --db, print what is there, and exit with 1 if "
             "anything is damaged; a server may have the store open meanwhile"),
};

static enum option_result check_options(const struct daemon_program *p)
{
    char error[AUTH_ERROR];
    const char *wrong = tls_server_check(&tls_server_options);
    if (wrong == NULL)
        wrong = web_options_check();
    if (wrong == NULL && web_options_given() != NULL && config.transport == TRANSPORT_CORE)
        wrong = "--web needs --transport http";
    if (wrong == NULL && config.console && web_options_given() == NULL)
        wrong = "--console needs --web: its page calls the server by HTTP";
    if (wrong == NULL && config.console && !config.reflection)
        wrong = "--console needs reflection, which tells its page of the methods";
    if (wrong == NULL && p->check_options != NULL)
        wrong = p->check_options();
    if (wrong == NULL && !auth_options_good(&auth_options, error))
        wrong = error;
    if (wrong == NULL)
        return OPTIONS_OK;
    fprintf(stderr, "%s: %s\n", p->name, wrong);
    return OPTIONS_BAD;
}

static void set_defaults(const struct daemon_program *p)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    config = (struct daemon_config){
        .listen = { { p->listen }, 1 },
        .loops = cores < 1                  ? 1
                 : cores > DAEMON_LOOPS_MAX ? DAEMON_LOOPS_MAX
                                            : cores,
        .log_level = LOG_INFO,
        .reflection = true,
        .drain_timeout_ms = 10000,
        .write_timeout_ms = 300000,
        .max_call_ms = 60000,
        .self_probe_ms = 10000,
    };
}

/* The program's groups, then those that every program has. */
static enum option_result parse(const struct daemon_program *p, const struct option_group *serving,
                                int argc, char **argv, int *ret_first)
{
    const struct option_group shared[] = {
        *serving,   connection_group, tls_server_group, call_log_group,
        auth_group, limits_group,     metrics_group,    web_group,
    };
    const size_t nshared = sizeof shared / sizeof shared[0];
    struct option_group groups[MAX_GROUPS];
    assert(p->ngroups + nshared <= MAX_GROUPS);
    for (size_t i = 0; i < p->ngroups + nshared; i++)
        groups[i] = i < p->ngroups ? p->groups[i] : shared[i - p->ngroups];
    const struct option_program options = {
        .name = p->name,
        .usage = "[OPTION]...",
        .summary = p->summary,
        .version = p->version,
        .rows = p->rows,
        .nrows = p->nrows,
        .groups = groups,
        .ngroups = p->ngroups + nshared,
    };
    return options_parse(&options, argc, argv, ret_first);
}

enum option_result daemon_read_options(const struct daemon_program *p, struct daemon_config *ret,
                                       int argc, char **argv)
{
    const size_t nrows = sizeof rows / sizeof rows[0] - (p->check == NULL);
    const struct option_group serving = { "Serving", rows, nrows };
    int first;
    set_defaults(p);
    const enum option_result result = parse(p, &serving, argc, argv, &first);
    if (result != OPTIONS_OK)
        return result;
    if (first < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'; try --help\n", p->name, argv[first]);
        return OPTIONS_BAD;
    }
    *ret = config;
    return check_options(p);
}
