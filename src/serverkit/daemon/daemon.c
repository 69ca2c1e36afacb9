#include "daemon_internal.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "base/log.h"
#include "base/standard_fds.h"
#include "notify.h"
#include "probes.h"
#include "self_probe.h"
#include "server_chain.h"
#include "serverkit/auth/check_token.h"
#include "serverkit/auth/scopes.h"
#include "serverkit/health/health.h"
#include "serverkit/intercept/call_log.h"
#include "serverkit/intercept/call_metrics.h"
#include "serverkit/intercept/limits.h"
#include "serverkit/metrics/metrics_http.h"
#include "serverkit/reflection/reflection.h"
#include "trim.h"
#include "web_protocols.h"
#include "weir/address.h"
#include "weir/grpc_core/core_log.h"
#include "weir/loop.h"
#include "weir/news.h"
#include "weir/tls.h"
#include "weir/web_options.h"

#define MAX_SERVICES 16
#define OVERDUE_MS   1000 /* after --drain-timeout */
#define MAX_LINE     1024

struct daemon {
    const struct daemon_program *program;
    struct daemon_config config;
    struct loop *loops[DAEMON_LOOPS_MAX];
    pthread_t threads[DAEMON_LOOPS_MAX]; /* the first loop runs on the main thread */
    size_t nloops, nstarted, nthreads;
    struct tls_server *tls; /* NULL: plaintext */
    struct health *health;
    struct reflection *reflection;                /* NULL: --no-reflection */
    const struct service *services[MAX_SERVICES]; /* the program's, and those of every program */
    size_t nservices;
    struct chain chain;
    struct metrics metrics;
    struct call_metrics *calls; /* NULL, as the next: nobody wants metrics */
    struct metrics_http *scrapes;
    struct probes probes;
    struct web_protocols web;
    struct server *server;
    struct token_check token_check;
    uv_signal_t sigterm, sigint;
    struct notify_watchdog *watchdog;
    struct trim *trim;
    struct self_probe *probe; /* NULL: none is wanted */
    struct timer overdue;
    bool stopping;
    int status; /* to exit with, once stopped */
    struct posting to_stop[DAEMON_LOOPS_MAX];
};

static bool is_on_core(const struct daemon *d)
{
    return d->config.transport == TRANSPORT_CORE;
}

/* --- Stopping ----------------------------------------------------------------------- */

static void on_stop_loop(struct loop *loop, void *arg)
{
    const struct daemon *d = arg;
    if (d->program->stop_loop != NULL)
        d->program->stop_loop(loop, loop_stop);
    else
        loop_stop(loop);
}

static void on_drained(struct server *server, void *arg)
{
    struct daemon *d = arg;
    (void)server;
    timer_stop(&d->overdue);
    metrics_http_stop(d->scrapes);
    d->scrapes = NULL;
    notify_watchdog_stop(d->watchdog);
    trim_stop(d->trim);
    verifier_stop(d->token_check.verifier);
    uv_close((uv_handle_t *)&d->sigterm, NULL);
    uv_close((uv_handle_t *)&d->sigint, NULL);
    for (size_t i = 0; i < d->nloops; i++)
        loop_post_with(d->loops[i], &d->to_stop[i], on_stop_loop, d);
}

/* gRPC closes no connection while a write to it is stuck, for up to 20 s. All
 * calls have ended, and what was committed is on disk. */
static void on_overdue(struct timer *timer)
{
    const struct daemon *d = container_of(timer, struct daemon, overdue);
    log_warn("a client keeps its connection open; the server does not wait for it any longer");
    _exit(d->status);
}

static void stop(struct daemon *d)
{
    d->stopping = true;
    notify_send("STOPPING=1");
    self_probe_free(d->probe);
    d->probe = NULL;
    health_stop(d->health);
    server_drain(d->server, d->config.drain_timeout_ms, on_drained, d);
    d->overdue.fired = on_overdue;
    timer_start(d->loops[0], &d->overdue, d->config.drain_timeout_ms + OVERDUE_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (d->stopping) {
        log_warn("%s again: not waiting for calls", strsignal(number));
        _exit(1);
    }
    log_info("%s: stopping, at most %llu ms for answers in progress", strsignal(number),
             (unsigned long long)d->config.drain_timeout_ms);
    stop(d);
}

/* Nothing but a new process makes the core accept again. Calls in progress end
 * as they do at any stop. */
static void on_listener_dead(const char *address, void *arg)
{
    struct daemon *d = arg;
    log_error("%s accepts no connections any more; the process stops, so that it is started anew",
              address);
    d->status = 1;
    stop(d);
}

/* Before there are other threads, which are not to be interrupted: where gRPC
 * waits a signal may be left lying (ThreadSanitizer cannot see into its waits, and
 * keeps a handler from running there). The first loop's thread takes them, where
 * it sleeps in libuv; else one that it has for that (loop.h). */
static void mask_signals(int how)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    pthread_sigmask(how, &ours, NULL);
}

static void watch_signals(struct daemon *d)
{
    uv_loop_t *uv = loop_uv(d->loops[0]);
    uv_signal_init(uv, &d->sigterm);
    uv_signal_init(uv, &d->sigint);
    d->sigterm.data = d->sigint.data = d;
    uv_signal_start(&d->sigterm, on_signal, SIGTERM);
    uv_signal_start(&d->sigint, on_signal, SIGINT);
}

/* --- Starting ----------------------------------------------------------------------- */

/* What is sent in plaintext stays on this machine, unless it is asked for. */
static bool cannot_listen(const char *address, const char *why, char *error)
{
    snprintf(error, DAEMON_ERROR_MAX,
             "cannot listen on %s: %s; choose another address with --listen", address, why);
    return false;
}

/* Before the program makes a store, which nobody asked for if it cannot serve. */
static bool try_listeners(const struct daemon *d, char *error)
{
    char why[SERVER_ERROR_MAX];
    for (size_t i = 0; i < d->config.listen.n; i++)
        if (!server_could_listen(d->config.listen.item[i], why))
            return cannot_listen(d->config.listen.item[i], why, error);
    return true;
}

static bool check_listeners(const struct daemon *d, char *error)
{
    if (d->tls != NULL || tls_server_options.allow_plaintext)
        return true;
    for (size_t i = 0; i < d->config.listen.n; i++) {
        if (address_is_local(d->config.listen.item[i]))
            continue;
        snprintf(error, DAEMON_ERROR_MAX,
                 "plaintext on %s could be read by others: give --tls-cert and --tls-key, or "
                 "--allow-plaintext",
                 d->config.listen.item[i]);
        return false;
    }
    return true;
}

static bool make_loops(struct daemon *d, char *error)
{
    const enum loop_sleep sleep = is_on_core(d) ? LOOP_IN_CORE : LOOP_IN_UV;
    while (d->nloops < (size_t)d->config.loops) {
        const int rv = loop_new(&d->loops[d->nloops], sleep);
        if (rv != 0) {
            snprintf(error, DAEMON_ERROR_MAX, "cannot make a loop: %s", strerror(rv));
            return false;
        }
        loop_set_index(d->loops[d->nloops], (unsigned)d->nloops);
        d->nloops++;
    }
    return true;
}

static void add_service(struct daemon *d, const struct service *service)
{
    assert(d->nservices < MAX_SERVICES);
    d->services[d->nservices++] = service;
}

/* Last: it tells of all the others. */
static bool add_reflection(struct daemon *d, char *error)
{
    const char *scope = auth_options.open_reflection ? NULL : SCOPE_READ;
    const int rv = reflection_new(&d->reflection, d->services, d->nservices, scope);
    if (rv != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "cannot serve reflection: %s", strerror(rv));
        return false;
    }
    for (size_t i = 0; i < REFLECTION_NSERVICES; i++)
        add_service(d, &reflection_services(d->reflection)[i]);
    return true;
}

static int make_health(struct daemon *d)
{
    const struct daemon_program *p = d->program;
    const struct service *told[MAX_SERVICES];
    size_t n = 0;
    assert(p->nservices + p->nothers <= MAX_SERVICES);
    for (size_t i = 0; i < p->nservices; i++)
        told[n++] = p->services[i];
    for (size_t i = 0; i < p->nothers; i++)
        told[n++] = p->others[i];
    return health_new(&d->health, d->loops, d->nloops, told, n);
}

static bool make_services(struct daemon *d, char *error)
{
    const struct daemon_program *p = d->program;
    const int rv = make_health(d);
    if (rv != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "cannot serve health checks: %s", strerror(rv));
        return false;
    }
    for (size_t i = 0; i < p->nservices; i++)
        add_service(d, p->services[i]);
    add_service(d, health_service(d->health));
    return !d->config.reflection || add_reflection(d, error);
}

static bool start_loop(struct daemon *d, struct loop *loop, char *error)
{
    return d->program->start_loop == NULL || d->program->start_loop(loop, error);
}

static bool start_loops(struct daemon *d, char *error)
{
    while (d->nstarted < d->nloops && start_loop(d, d->loops[d->nstarted], error))
        d->nstarted++;
    return d->nstarted == d->nloops;
}

static int make_probes(struct daemon *d)
{
    const struct daemon_program *p = d->program;
    d->probes = (struct probes){
        .health = d->health,
        .services = p->services,
        .nservices = p->nservices,
        .needs = p->others,
        .nneeds = p->nothers,
    };
    return probes_init(&d->probes, d->loops, d->nloops);
}

static bool make_metrics(struct daemon *d, char *error)
{
    const struct daemon_program *p = d->program;
    if (!metrics_wanted())
        return true;
    if (call_metrics_new(&d->calls, CALL_METRICS_SERVER, d->services, d->nservices, d->nloops) !=
            0 ||
        make_probes(d) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory");
        return false;
    }
    metrics_add(&d->metrics, call_metrics_print, d->calls);
    if (p->print_metrics != NULL)
        metrics_add(&d->metrics, p->print_metrics, p->print_arg);
    return true;
}

static bool listen_metrics(struct daemon *d, char *error)
{
    if (!metrics_wanted())
        return true;
    if (is_on_core(d))
        metrics_add(&d->metrics, metrics_of_core, NULL);
    else
        metrics_add(&d->metrics, metrics_of_server, d->server);
    metrics_add(&d->metrics, metrics_of_process, NULL);
    return metrics_http_start(&d->scrapes, &d->metrics, probes_http(&d->probes),
                              metrics_options.listen, error) == 0;
}

/* Port 0 becomes the port that it is. */
static void put_address(char *line, const char *address, int port, bool tls)
{
    const char *colon = strrchr(address, ':');
    const size_t n = strlen(line);
    const char *comma = n == 0 ? "" : " and ";
    if (address_is_unix(address) || colon == NULL)
        snprintf(line + n, MAX_LINE - n, "%s%s", comma, address);
    else
        snprintf(line + n, MAX_LINE - n, "%s%.*s:%d%s", comma, (int)(colon - address), address,
                 port, tls ? " with TLS" : "");
}

/* Of the core alone: our own listeners survive what would end it. */
static bool make_probe(struct daemon *d, char *error)
{
    if (!is_on_core(d) || d->config.self_probe_ms == 0 ||
        self_probe_new(&d->probe, d->loops[0], d->config.self_probe_ms, on_listener_dead, d) == 0)
        return true;
    snprintf(error, DAEMON_ERROR_MAX, "out of memory");
    return false;
}

static bool listen_all(struct daemon *d, char line[MAX_LINE], char *error)
{
    for (size_t i = 0; i < d->config.listen.n; i++) {
        const char *address = d->config.listen.item[i];
        char why[SERVER_ERROR_MAX];
        const int port = server_listen(d->server, address, why);
        if (port == 0)
            return cannot_listen(address, why, error);
        put_address(line, address, port, d->tls != NULL);
        if (d->probe != NULL)
            self_probe_add(d->probe, address, port);
    }
    return true;
}

/* What the core has to say comes through our log, in its format. Before we
 * serve it is detail: the one line of a failed start says what matters. */
static _Atomic bool g_serving; /* read on threads of the core too */

static void on_core_log(const struct core_log_line *line)
{
    const bool matters = line->is_error && g_serving;
    log_line(matters ? LOG_WARN : LOG_DEBUG, "gRPC: %s (%s:%d)", line->text, line->file,
             line->line);
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void warn_if_open(const struct daemon *d)
{
    if (d->token_check.verifier != NULL || tls_server_options.client_ca != NULL)
        return;
    for (size_t i = 0; i < d->config.listen.n; i++)
        if (!address_is_local(d->config.listen.item[i]))
            log_warn("whoever reaches %s may read and write: no token is asked for; see "
                     "--token-file and --oidc-issuer",
                     d->config.listen.item[i]);
}

static bool serve(struct daemon *d, const char *line, char *error)
{
    if (d->program->ready != NULL && !d->program->ready(d->loops[0], error))
        return false;
    if (server_start(d->server) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory");
        return false;
    }
    watch_signals(d);
    if (notify_watchdog_start(&d->watchdog, d->loops, d->nloops) != 0)
        log_error("out of memory: the service manager's watchdog gets no sign of life");
    if (trim_start(&d->trim, d->loops[0]) != 0)
        log_error("out of memory: unused memory is not given back to the system");
    warn_if_open(d);
    verifier_start(d->token_check.verifier);
    g_serving = true;
    self_probe_start(d->probe);
    while (++d->nthreads < d->nloops) {
        struct loop *loop = d->loops[d->nthreads];
        const int rv = pthread_create(&d->threads[d->nthreads], NULL, run_loop, loop);
        if (rv != 0) { /* calls wait on its queue already */
            fprintf(stderr, "%s: cannot start a thread: %s\n", d->program->name, strerror(rv));
            _exit(1);
        }
    }
    printf("%s: serving on %s (%zu %s)\n", d->program->name, line, d->nloops,
           d->nloops == 1 ? "loop" : "loops");
    if (d->scrapes != NULL)
        printf("%s: metrics on %s\n", d->program->name, metrics_http_url(d->scrapes));
    fflush(stdout);
    probes_serving(&d->probes);
    notify_send("READY=1");
    if (!is_on_core(d))
        mask_signals(SIG_UNBLOCK);
    loop_run(d->loops[0]);
    for (size_t i = 1; i < d->nloops; i++)
        pthread_join(d->threads[i], NULL);
    return true;
}

static bool make_chain(struct daemon *d, char *error)
{
    const bool ask = auth_options_ask(&auth_options);
    if (ask && !verifier_new(&d->token_check.verifier, &auth_options, d->loops, d->nloops, error))
        return false;
    const struct chain_parts parts = {
        .metrics = d->calls,
        .tokens = ask ? &d->token_check : NULL,
    };
    chain_of_server(&d->chain, &parts);
    return true;
}

static bool make_server(struct daemon *d, char *error)
{
    if (!web_protocols_open(&d->web, &d->config, d->program->openapi, d->services, d->nservices,
                            error))
        return false;
    const struct server_options options = {
        .transport = (enum server_transport)d->config.transport,
        .chain = &d->chain,
        .compress = d->config.compression != 0,
        .write_timeout_ms = d->config.write_timeout_ms,
        .max_call_ms = d->config.max_call_ms,
        .connections = connection_options,
        .budget = connections_budget(),
        .tls = d->tls,
        .web = web_options_given(),
    };
    const int rv = server_new(&d->server, d->loops, d->nloops, d->services, d->nservices, &options);
    if (rv != 0)
        snprintf(error, DAEMON_ERROR_MAX, "cannot make the server: %s", strerror(rv));
    return rv == 0;
}

/* What start_loop began is ended on the loop, so one that never ran must run
 * for the time that takes. */
static void stop_unserved(struct daemon *d)
{
    metrics_http_stop(d->scrapes);
    self_probe_free(d->probe);
    for (size_t i = 0; i < d->nstarted; i++) {
        loop_post_with(d->loops[i], &d->to_stop[i], on_stop_loop, d);
        loop_run(d->loops[i]);
    }
}

static bool run_opened(struct daemon *d, char *error)
{
    char line[MAX_LINE] = "";
    const bool served = start_loops(d, error) && make_metrics(d, error) && make_chain(d, error) &&
                        make_server(d, error) && make_probe(d, error) &&
                        listen_all(d, line, error) && listen_metrics(d, error) &&
                        serve(d, line, error);
    if (!served)
        stop_unserved(d);
    server_free(d->server);
    web_protocols_close(&d->web);
    verifier_free(d->token_check.verifier);
    call_metrics_free(d->calls);
    for (size_t i = 0; i < d->nstarted && d->program->free_loop != NULL; i++)
        d->program->free_loop(d->loops[i]);
    return served;
}

static bool make_news(struct daemon *d, char *error)
{
    if (d->program->news == NULL || news_init(d->program->news, d->loops, d->nloops) == 0)
        return true;
    snprintf(error, DAEMON_ERROR_MAX, "out of memory");
    return false;
}

static bool open_program(struct daemon *d, char *error)
{
    return d->program->open == NULL || d->program->open(d->loops, d->nloops, d->health, error);
}

static bool run(struct daemon *d, char *error)
{
    bool served = false;
    if (tls_server_new(&d->tls, &tls_server_options, error) && check_listeners(d, error) &&
        try_listeners(d, error) && make_loops(d, error) && make_services(d, error) &&
        make_news(d, error) && open_program(d, error)) {
        served = run_opened(d, error);
        if (d->program->close != NULL)
            d->program->close();
    }
    reflection_free(d->reflection);
    for (size_t i = 0; i < d->nloops; i++)
        loop_free(d->loops[i]);
    health_free(d->health); /* the loops may still have had their posts, and those of news */
    if (d->program->news != NULL)
        news_close(d->program->news);
    notify_watchdog_free(d->watchdog);
    probes_close(&d->probes);
    tls_server_free(d->tls);
    return served;
}

int daemon_main(const struct daemon_program *program, int argc, char **argv)
{
    static struct daemon d;
    char error[DAEMON_ERROR_MAX] = "";
    standard_fds_occupy();
    d.program = program;
    switch (daemon_read_options(program, &d.config, argc, argv)) {
    case OPTIONS_HELP:
        return 0;
    case OPTIONS_BAD:
        return 2;
    default:
        break;
    }
    log_init(program->name, (enum log_level)d.config.log_level,
             (enum log_format)d.config.log_format);
    if (d.config.check)
        return program->check();
    core_log_init(on_core_log);
    signal(SIGPIPE, SIG_IGN);
    mask_signals(SIG_BLOCK);
    connections_raise_limit();
    const bool served = run(&d, error);
    if (!served)
        fprintf(stderr, "%s: %s\n", program->name, error);
    return served ? d.status : 1;
}
