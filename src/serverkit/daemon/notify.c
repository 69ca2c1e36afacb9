#include "notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "pulse.h"
#include "weir/loop.h"

/* The address in $NOTIFY_SOCKET: a path, or with '@' a name in the abstract
 * namespace. Its length, or 0: there is none. */
static socklen_t notify_address(struct sockaddr_un *ret)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || (path[0] != '/' && path[0] != '@'))
        return 0;
    const size_t len = strlen(path);
    if (len < 2 || len >= sizeof ret->sun_path)
        return 0;
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret->sun_path, path, len);
    if (path[0] == '@')
        ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void notify_send(const char *line)
{
    struct sockaddr_un to;
    const socklen_t len = notify_address(&to);
    if (len == 0)
        return;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        sendto(fd, line, strlen(line), MSG_NOSIGNAL, (const struct sockaddr *)&to, len) < 0)
        log_debug("cannot tell the service manager %s: %s", line, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* --- The watchdog ------------------------------------------------------------------- */

struct notify_watchdog {
    struct timer timer;
    struct loop *first;
    struct pulse *pulse;
    uint64_t period_ms;
};

static void on_period(struct timer *timer)
{
    struct notify_watchdog *w = container_of(timer, struct notify_watchdog, timer);
    size_t silent;
    timer_start(w->first, timer, w->period_ms);
    if (pulse_silent(w->pulse, &silent))
        return;
    notify_send("WATCHDOG=1");
    pulse_ask(w->pulse);
}

/* Microseconds for this process; 0: the manager does not watch. */
static uint64_t watchdog_usec(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return strtoull(usec, NULL, 10);
}

int notify_watchdog_start(struct notify_watchdog **ret, struct loop *const *loops, size_t n)
{
    const uint64_t usec = watchdog_usec();
    *ret = NULL;
    if (usec == 0)
        return 0;
    struct notify_watchdog *w = calloc(1, sizeof *w);
    if (w == NULL || pulse_new(&w->pulse, loops, n) != 0) {
        free(w);
        return ENOMEM;
    }
    w->first = loops[0];
    w->period_ms = usec / 3000 > 0 ? usec / 3000 : 1;
    w->timer.fired = on_period;
    timer_start(loops[0], &w->timer, 0);
    *ret = w;
    return 0;
}

void notify_watchdog_stop(struct notify_watchdog *w)
{
    if (w != NULL)
        timer_stop(&w->timer);
}

void notify_watchdog_free(struct notify_watchdog *w)
{
    if (w == NULL)
        return;
    pulse_free(w->pulse);
    free(w);
}
