#include "metrics_http.h"

#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "weir/address.h"

struct metrics_options metrics_options = { .listen = "" };

static const struct option_row rows[] = {
    OPT_TEXT("metrics-listen", metrics_options.listen,
             "serve /metrics for Prometheus, and /healthz and /readyz for probes, by plain HTTP: "
             "keep it on loopback; port 0 takes any free port",
             .arg = "ADDR:PORT"),
};

const struct option_group metrics_group = { "Metrics", rows, sizeof rows / sizeof rows[0] };

/* Whoever scrapes makes one connection and a small request. */
#define CONNECTIONS_MAX      16
#define CONNECTION_BYTES     ((size_t)16 * 1024)
#define CONNECTION_TIMEOUT_S 10u

#define HOST_MAX 256
#define WHY_MAX  256 /* a line about why a probe fails */

struct metrics_http {
    struct MHD_Daemon *daemon;
    const struct metrics *metrics;
    struct http_probes probes;
    char url[HOST_MAX + 32];
};

/* --- Requests ----------------------------------------------------------------------- */

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned code,
                               struct MHD_Response *response, const char *type)
{
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

/* Answers with a line, @text, which is copied. */
static enum MHD_Result say(struct MHD_Connection *connection, unsigned code, const char *text)
{
    char line[WHY_MAX + 2];
    const int len = snprintf(line, sizeof line, "%s\n", text);
    return respond(connection, code,
                   MHD_create_response_from_buffer((size_t)len, line, MHD_RESPMEM_MUST_COPY),
                   "text/plain; charset=utf-8");
}

static enum MHD_Result scrape(struct MHD_Connection *connection, const struct metrics_http *http)
{
    size_t len;
    char *text = metrics_text(http->metrics, &len);
    if (text == NULL)
        return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    return respond(connection, MHD_HTTP_OK,
                   MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE),
                   "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result answer_probe(struct MHD_Connection *connection, const char *why_not)
{
    return say(connection, why_not == NULL ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
               why_not == NULL ? "ok" : why_not);
}

static enum MHD_Result probe_alive(struct MHD_Connection *connection,
                                   const struct metrics_http *http)
{
    char why[WHY_MAX];
    return answer_probe(connection, http->probes.alive(http->probes.arg, why, sizeof why));
}

static enum MHD_Result probe_ready(struct MHD_Connection *connection,
                                   const struct metrics_http *http)
{
    char why[WHY_MAX];
    return answer_probe(connection, http->probes.ready(http->probes.arg, why, sizeof why));
}

static const struct page {
    const char *path;
    enum MHD_Result (*answer)(struct MHD_Connection *connection, const struct metrics_http *http);
} pages[] = {
    { "/metrics", scrape },
    { "/healthz", probe_alive },
    { "/readyz", probe_ready },
};

static const struct page *page_at(const char *path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(path, pages[i].path) == 0)
            return &pages[i];
    return NULL;
}

/* Comes once for the head of a request, once for each part of a body (which
 * nobody wants), and once at its end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
    static int begun;
    const struct page *page = page_at(path);
    (void)version;
    (void)body;
    if (*state == NULL || *body_len > 0) {
        *state = &begun;
        *body_len = 0;
        return MHD_YES;
    }
    if (page == NULL)
        return say(connection, MHD_HTTP_NOT_FOUND, "there are only /metrics, /healthz and /readyz");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served");
    return page->answer(connection, arg);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *format,
                                                         va_list args)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof text, format, args);
    log_debug("metrics: %s", text);
}

/* --- Life --------------------------------------------------------------------------- */

/* "[::1]:9464" -> "::1" and "9464". */
static bool split(const char *address, char host[HOST_MAX], const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return false;
    size_t len = (size_t)(colon - address);
    const bool bracketed = address[0] == '[' && colon[-1] == ']';
    if (bracketed) {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= HOST_MAX || (!bracketed && memchr(address, ':', len) != NULL))
        return false;
    memcpy(host, address, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return true;
}

static struct addrinfo *resolve(const char *address, char error[METRICS_ERROR_MAX])
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char host[HOST_MAX];
    const char *port;
    if (!split(address, host, &port)) {
        snprintf(error, METRICS_ERROR_MAX,
                 "--metrics-listen wants ADDR:PORT or [ADDR]:PORT, not '%.100s'", address);
        return NULL;
    }
    const int rv = getaddrinfo(host, port, &hints, &found);
    if (rv == 0)
        return found;
    snprintf(error, METRICS_ERROR_MAX, "--metrics-listen %.100s: %s", address, gai_strerror(rv));
    return NULL;
}

static struct MHD_Daemon *listen_on(struct metrics_http *http, const struct addrinfo *at)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG |
                           (at->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    /* The port is in the address already; libmicrohttpd ignores the 0. */
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER,
                            on_log, NULL, MHD_OPTION_SOCK_ADDR, at->ai_addr,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
                            MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, MHD_OPTION_END);
}

static void warn_if_open(const char *address)
{
    if (!address_is_local(address))
        log_warn("whoever reaches %s may read the metrics: no token is asked for; see "
                 "--metrics-listen",
                 address);
}

int metrics_http_start(struct metrics_http **ret, const struct metrics *metrics,
                       struct http_probes probes, const char *address,
                       char error[METRICS_ERROR_MAX])
{
    struct metrics_http *http = calloc(1, sizeof *http);
    struct addrinfo *at = resolve(address, error);
    if (http == NULL)
        snprintf(error, METRICS_ERROR_MAX, "out of memory");
    if (http == NULL || at == NULL)
        goto err;
    http->metrics = metrics;
    http->probes = probes;
    http->daemon = listen_on(http, at);
    if (http->daemon == NULL) {
        snprintf(error, METRICS_ERROR_MAX,
                 "cannot listen on %.100s for metrics: the address is in use or not one of this "
                 "machine's; choose another with --metrics-listen",
                 address);
        goto err;
    }
    freeaddrinfo(at);
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(http->url, sizeof http->url, "http://%.*s:%u/metrics",
             (int)(strrchr(address, ':') - address), address, (unsigned)port->port);
    warn_if_open(address);
    *ret = http;
    return 0;

err:
    if (at != NULL)
        freeaddrinfo(at);
    free(http);
    return -1;
}

const char *metrics_http_url(const struct metrics_http *http)
{
    return http->url;
}

void metrics_http_stop(struct metrics_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
