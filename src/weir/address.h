/* What an address or target of gRPC's syntax means for who can listen in. */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/** "unix:path", "unix:///path", "unix-abstract:name". */
bool address_is_unix(const char *address);

/** Whether only this machine can reach it: a unix: socket, localhost, 127.x.x.x
 * or ::1. Other names are not looked up, nor are the parts of a list: no. */
bool address_is_local(const char *address);

/** Where to connect to reach what listens on @address: a unix: socket, or its
 * first address with this @port. Returns the length of *ret; 0: there is none.
 * Names are looked up, which takes its time. */
socklen_t address_resolve(const char *address, int port, struct sockaddr_storage *ret);

struct resolved {
    struct sockaddr_storage addr;
    socklen_t len;
};

/** The same, all of its addresses up to @max (1 at least). Returns how many. */
size_t address_resolve_all(const char *address, int port, struct resolved *ret, size_t max);

/** Whether something answers on this unix: socket. Its path can be bound by
 * another server only once it is unlinked, and whoever serves there would go on
 * and never be reached again. */
bool address_is_served(const char *address);

#endif
