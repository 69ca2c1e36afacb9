#include "self_probe.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/options.h"
#include "weir/address.h"
#include "weir/loop.h"

#define MAX_FAILURES 3
#define HALF_MIN_MS  50 /* of an interval: a busy loop is given so long to accept */

/* A connection is made; after half an interval our side of it hangs up, and
 * after the other half it is looked what came, and the next one is made. So
 * nothing needs to be polled: what is not there by then took too long. Servers
 * with TLS say nothing first, but do something about our hanging up. */
struct probed {
    const char *address;
    struct sockaddr_storage to;
    socklen_t len;
    int fd; /* -1: none */
    bool hung_up;
    bool answered; /* ever */
    bool warned;
    int failures; /* in a row */
};

struct self_probe {
    struct loop *loop;
    struct timer timer;
    uint64_t half_ms;
    void (*dead)(const char *address, void *arg);
    void *arg;
    size_t n;
    struct probed listeners[OPTION_LIST_MAX];
};

static void hang_up(struct probed *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->hung_up = false;
}

/* There is no way to where this address leads; if there never was, gRPC listens
 * elsewhere, say at 0.0.0.0 for [::] on a machine without IPv6. */
static void note_unreachable(struct probed *l)
{
    if (l->answered)
        l->failures++;
    else if (!l->warned)
        log_warn("%s does not answer a probe, so nobody watches that listener", l->address);
    l->warned = true;
}

/* A process that is out of descriptors cannot ask; once it can, it will know. */
static void call(struct probed *l)
{
    l->fd = socket(l->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return;
    if (connect(l->fd, (const struct sockaddr *)&l->to, l->len) != 0 && errno != EINPROGRESS) {
        log_debug("a probe of %s cannot connect: %m", l->address);
        hang_up(l);
        note_unreachable(l);
    }
}

/* Bytes, the end or a reset: someone is there. Nothing: the system took the
 * connection, and nobody takes it from there. */
static void judge(struct probed *l)
{
    char byte;
    if (recv(l->fd, &byte, 1, 0) >= 0 || errno == ECONNRESET) {
        l->answered = true;
        l->failures = 0;
    } else if (errno == EAGAIN) {
        l->failures++;
    } else {
        note_unreachable(l);
    }
    log_debug("%s %s", l->address, l->failures == 0 ? "accepts" : "does not accept");
}

static void step(struct probed *l)
{
    if (l->fd >= 0 && !l->hung_up) {
        shutdown(l->fd, SHUT_WR);
        l->hung_up = true;
        return;
    }
    if (l->fd >= 0)
        judge(l);
    hang_up(l);
    call(l);
}

static void on_due(struct timer *timer)
{
    struct self_probe *probe = container_of(timer, struct self_probe, timer);
    for (size_t i = 0; i < probe->n; i++) {
        step(&probe->listeners[i]);
        if (probe->listeners[i].failures >= MAX_FAILURES) {
            probe->dead(probe->listeners[i].address, probe->arg);
            return;
        }
    }
    timer_start(probe->loop, timer, probe->half_ms);
}

int self_probe_new(struct self_probe **ret, struct loop *loop, uint64_t interval_ms,
                   void (*dead)(const char *address, void *arg), void *arg)
{
    struct self_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL)
        return ENOMEM;
    probe->loop = loop;
    probe->timer.fired = on_due;
    probe->half_ms = interval_ms > 2 * HALF_MIN_MS ? interval_ms / 2 : HALF_MIN_MS;
    probe->dead = dead;
    probe->arg = arg;
    *ret = probe;
    return 0;
}

void self_probe_add(struct self_probe *probe, const char *address, int port)
{
    struct probed *l = &probe->listeners[probe->n];
    *l = (struct probed){ .address = address, .fd = -1 };
    l->len = address_resolve(address, port, &l->to);
    if (l->len > 0)
        probe->n++;
}

void self_probe_start(struct self_probe *probe)
{
    if (probe != NULL)
        timer_start(probe->loop, &probe->timer, probe->half_ms);
}

void self_probe_free(struct self_probe *probe)
{
    if (probe == NULL)
        return;
    timer_stop(&probe->timer);
    for (size_t i = 0; i < probe->n; i++)
        hang_up(&probe->listeners[i]);
    free(probe);
}
