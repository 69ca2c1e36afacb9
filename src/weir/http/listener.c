#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "lane.h"
#include "weir/address.h"

/* Connections accepted before the loop's other work gets its turn: one with TLS takes some
 * fifty microseconds. */
#define ACCEPT_AT_ONCE 16

/* Of one name. */
#define ADDRESSES_MAX 8

/* After there was no descriptor left. */
#define PAUSE_MS 100

/* --- Binding ------------------------------------------------------------------------ */

static int port_of(int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    if (a.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return 1;
}

/* A path that nobody serves on is left over of a server that was killed. */
static void unlink_left_over(const struct sockaddr *a)
{
    const char *path = ((const struct sockaddr_un *)(const void *)a)->sun_path;
    struct stat st;
    if (a->sa_family == AF_UNIX && path[0] != '\0' && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
}

/* An errno value. */
static int bind_and_listen(int fd, const struct sockaddr *a, socklen_t len)
{
    const int one = 1, zero = 0;
    unlink_left_over(a);
    if (a->sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->sa_family == AF_INET6) /* [::] serves IPv4 as well */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a, len) != 0 || listen(fd, SOMAXCONN) != 0)
        return errno;
    return 0;
}

static int open_socket(const struct sockaddr *a, socklen_t len, int *ret_fd)
{
    const int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    const int rv = bind_and_listen(fd, a, len);
    if (rv != 0)
        close(fd);
    else
        *ret_fd = fd;
    return rv;
}

static void explain(int rv, char *error)
{
    if (rv == EADDRINUSE)
        snprintf(error, SERVER_ERROR_MAX, "the address is in use");
    else if (rv == EADDRNOTAVAIL)
        snprintf(error, SERVER_ERROR_MAX, "the address is not one of this machine's");
    else
        snprintf(error, SERVER_ERROR_MAX, "%s", strerror(rv));
}

/* The port behind the last colon; -1: there is none. */
static int wanted_port(const char *address)
{
    const char *colon = strrchr(address, ':');
    char *end;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9')
        return -1;
    const long port = strtol(colon + 1, &end, 10);
    return *end == '\0' && port <= UINT16_MAX ? (int)port : -1;
}

/* Of a unix: socket; else "". */
static void get_path(int fd, char to[LISTENER_PATH_MAX])
{
    struct sockaddr_un a = { 0 };
    socklen_t len = sizeof a;
    to[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX)
        snprintf(to, LISTENER_PATH_MAX, "%.*s", (int)sizeof a.sun_path, a.sun_path);
}

static void close_socket(int fd, const char *path)
{
    if (path[0] != '\0')
        unlink(path);
    close(fd);
}

static void on_pause(struct timer *timer);

/* Returns its port, or 0. The socket is the listener's. */
static int add(struct http_server *server, int fd, bool tls)
{
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        char path[LISTENER_PATH_MAX];
        get_path(fd, path);
        close_socket(fd, path);
        return 0;
    }
    l->server = server;
    l->fd = fd;
    l->tls = tls;
    get_path(fd, l->path);
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    l->pause.fired = on_pause;
    l->next = server->listeners;
    server->listeners = l;
    return port_of(fd);
}

/* Returns its port: it could be had. */
static int let_go(int fd)
{
    char path[LISTENER_PATH_MAX];
    const int port = port_of(fd);
    get_path(fd, path);
    close_socket(fd, path);
    return port;
}

/* Returns 0 and the port, or an errno value. */
static int listen_on(struct http_server *server, const struct resolved *a, bool tls, int *ret_port)
{
    int fd = -1;
    const int rv = open_socket((const struct sockaddr *)&a->addr, a->len, &fd);
    if (rv != 0)
        return rv;
    *ret_port = server != NULL ? add(server, fd, tls) : let_go(fd);
    return *ret_port > 0 ? 0 : ENOMEM;
}

static bool is_not_there(int rv)
{
    return rv == EADDRNOTAVAIL || rv == EAFNOSUPPORT;
}

static void set_port(struct resolved *a, int port)
{
    if (a->addr.ss_family == AF_INET)
        ((struct sockaddr_in *)&a->addr)->sin_port = htons((uint16_t)port);
    else if (a->addr.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->addr)->sin6_port = htons((uint16_t)port);
}

/* A name may stand for several addresses ("localhost"), of which some may not be
 * there: one is enough. They share the port. */
int listener_new(struct http_server *server, const char *address, char error[SERVER_ERROR_MAX])
{
    struct resolved all[ADDRESSES_MAX];
    const bool is_unix = address_is_unix(address);
    const bool tls = server != NULL && server->options.tls != NULL && !is_unix;
    int port = is_unix ? 0 : wanted_port(address);
    if (port < 0) {
        snprintf(error, SERVER_ERROR_MAX, "it has no port (ADDR:PORT)");
        return 0;
    }
    const size_t n = address_resolve_all(address, port, all, ADDRESSES_MAX);
    if (n == 0)
        snprintf(error, SERVER_ERROR_MAX, "there is no such address");
    int first = 0;
    for (size_t i = 0; i < n; i++) {
        if (first > 0)
            set_port(&all[i], first);
        const int rv = listen_on(server, &all[i], tls, &port);
        if (rv == 0 && first == 0)
            first = port;
        if (rv != 0)
            explain(rv, error);
        if (rv != 0 && !is_not_there(rv))
            return 0;
    }
    return first;
}

/* --- Accepting ---------------------------------------------------------------------- */

/* A connection on its way to another loop. */
struct dealt {
    struct posting post; /* first */
    struct lane *lane;
    int fd;
    bool tls;
};

static void on_dealt(struct loop *loop, void *arg)
{
    struct dealt *d = arg;
    const struct dealt it = *d;
    (void)loop;
    free(d);
    conn_open(it.lane, it.fd, it.tls);
}

/* The next one in turn. */
static struct lane *next_lane(struct http_server *server)
{
    struct lane *lane = &server->lanes[server->next_lane];
    server->next_lane = (server->next_lane + 1) % server->nlanes;
    return lane;
}

static void deal(struct listener *l, int fd)
{
    struct http_server *server = l->server;
    struct lane *lane = next_lane(server);
    if (lane == &server->lanes[0]) {
        conn_open(lane, fd, l->tls);
        return;
    }
    struct dealt *d = malloc(sizeof *d);
    if (d == NULL) {
        log_error("out of memory: a connection is refused");
        counter_add(&server->lanes[0].stats.refused[REFUSED_MEMORY], 1);
        atomic_fetch_sub_explicit(&server->nconns, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    *d = (struct dealt){ .lane = lane, .fd = fd, .tls = l->tls };
    loop_post_with(lane->loop, &d->post, on_dealt, d);
}

static void pause_accepting(struct listener *l)
{
    uv_poll_stop(&l->poll);
    timer_start(l->server->lanes[0].loop, &l->pause, PAUSE_MS);
}

/* No descriptor is left: see the header. */
static void shed(struct listener *l)
{
    log_warn("no descriptor is left: a connection is refused, and the next ones wait for %d ms",
             PAUSE_MS);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    const int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    counter_add(&l->server->lanes[0].stats.refused[REFUSED_NO_DESCRIPTOR], 1);
    pause_accepting(l);
}

/* Whether it is one too many is its lane's to say: it may take the place of
 * another. */
static void take(struct listener *l, int fd)
{
    atomic_fetch_add_explicit(&l->server->nconns, 1, memory_order_relaxed);
    deal(l, fd);
}

/* Whether to try for another. */
static bool accept_one(struct listener *l)
{
    const int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        take(l, fd);
        return true;
    }
    const int why = errno;
    if (why == EMFILE || why == ENFILE)
        shed(l);
    else if (why == ENOBUFS || why == ENOMEM)
        pause_accepting(l);
    return why == EINTR || why == ECONNABORTED; /* those are over; EAGAIN: there is none */
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE && accept_one(l); i++)
        ;
}

static void on_pause(struct timer *timer)
{
    struct listener *l = container_of(timer, struct listener, pause);
    uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

/* --- Life --------------------------------------------------------------------------- */

int listener_start(struct listener *l)
{
    const int rv = -uv_poll_init(loop_uv(l->server->lanes[0].loop), &l->poll, l->fd);
    if (rv != 0)
        return rv;
    l->poll.data = l;
    l->polling = true;
    return -uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

void listener_free(struct listener *l)
{
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    close_socket(l->fd, l->path);
    free(l);
}

static void on_closed(uv_handle_t *handle)
{
    listener_free(handle->data);
}

void listener_stop(struct listener *l)
{
    if (!l->polling) {
        listener_free(l);
        return;
    }
    timer_stop(&l->pause);
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, on_closed);
}
