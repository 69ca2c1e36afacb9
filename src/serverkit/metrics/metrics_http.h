/* GET /metrics, /healthz and /readyz, over plain HTTP on an address of its own.
 *
 * libmicrohttpd serves them on one thread: a scrape only reads what the loops
 * count, and never holds one of them up. A probe does not, either. */
#ifndef METRICS_HTTP_H
#define METRICS_HTTP_H

#include <stdbool.h>

#include "base/options.h"
#include "metrics.h"

struct metrics_http;

#define METRICS_ERROR_MAX 256

struct metrics_options {
    const char *listen; /* ADDR:PORT; "": no metrics at all */
};

/** What the group sets; its defaults until options_parse(). */
extern struct metrics_options metrics_options;
extern const struct option_group metrics_group;

/* What /healthz and /readyz ask. Each answers NULL: yes; or one line, in @why, that says why
 * not. They are called on the listener's thread, and must not wait. */
struct http_probes {
    const char *(*alive)(void *arg, char *why, size_t size);
    const char *(*ready)(void *arg, char *why, size_t size);
    void *arg;
};

static inline bool metrics_wanted(void)
{
    return metrics_options.listen[0] != '\0';
}

/** Serves @metrics, which must stay, and @probes on @address ("127.0.0.1:9464",
 * "[::1]:9464"; port 0: a free one). Returns 0, or -1 with a line in @error. */
int metrics_http_start(struct metrics_http **ret, const struct metrics *metrics,
                       struct http_probes probes, const char *address,
                       char error[METRICS_ERROR_MAX]);

/** "http://127.0.0.1:9464/metrics", with the real port. */
const char *metrics_http_url(const struct metrics_http *http);

/** Waits for a scrape in progress; none comes after. NULL is fine. */
void metrics_http_stop(struct metrics_http *http);

#endif
