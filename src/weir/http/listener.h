/* Sockets that listen. They are the first loop's, which accepts and deals the
 * connections to the loops in turn: that balances exactly, whatever the clients
 * do.
 *
 * When the process has no descriptor left, accepting would fail for as long as
 * the connection waits, and again at once. So a spare descriptor is given up for
 * it, the connection is taken and closed, which its client notices, and after a
 * pause the listener goes on. No listener is ever lost. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <stdbool.h>
#include <uv.h>

#include "weir/loop.h"
#include "weir/server.h"

struct http_server;

/* Linux has 108 bytes, with or without a NUL. */
#define LISTENER_PATH_MAX 109

struct listener {
    struct listener *next;
    struct http_server *server;
    int fd;
    bool tls;
    bool polling;
    char path[LISTENER_PATH_MAX]; /* of a unix: socket, to be unlinked; else "" */
    uv_poll_t poll;
    int spare_fd;
    struct timer pause;
};

/** Binds and listens. Returns the port (1 for unix:), or 0 and @error. @server NULL: only tries,
 * and lets go of it again. */
int listener_new(struct http_server *server, const char *address, char error[SERVER_ERROR_MAX]);

/** Begins to accept. On the first loop, or before it runs. 0, or an errno value. */
int listener_start(struct listener *l);

/** Accepts no more: the socket is closed. On the first loop. */
void listener_stop(struct listener *l);

/** After listener_stop(), or if it never started. */
void listener_free(struct listener *l);

#endif
