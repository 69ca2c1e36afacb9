#include "caller.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "weir/identity.h"
#include "weir/stream.h"

#define NETWORK_BYTES 8 /* of the 16 of an IPv6 address */

/* The text between the brackets of "%5Bfe80::1%25eth0%5D:5000", or of the same
 * with "[" and "]"; what follows a '%' is no part of the address. */
static bool read_v6(const char *text, struct in6_addr *ret)
{
    char host[INET6_ADDRSTRLEN];
    if (strncmp(text, "%5B", 3) == 0)
        text += 3;
    else if (*text == '[')
        text++;
    snprintf(host, sizeof host, "%.*s", (int)strcspn(text, "%]"), text);
    return inet_pton(AF_INET6, host, ret) == 1;
}

struct bytes caller_of_peer(const char *peer, char ret[CALLER_MAX])
{
    struct in6_addr v6;
    char network[INET6_ADDRSTRLEN];
    if (strncmp(peer, "ipv6:", 5) == 0 && read_v6(peer + 5, &v6)) {
        memset(v6.s6_addr + NETWORK_BYTES, 0, sizeof v6.s6_addr - NETWORK_BYTES);
        inet_ntop(AF_INET6, &v6, network, sizeof network);
        snprintf(ret, CALLER_MAX, "ipv6:%s/%d", network, 8 * NETWORK_BYTES);
        return bytes_of_text(ret);
    }
    snprintf(ret, CALLER_MAX, "%s", peer);
    char *port = strrchr(ret, ':');
    if (port != NULL && strncmp(ret, "ipv4:", 5) == 0)
        *port = '\0';
    return bytes_of_text(ret);
}

struct bytes caller_address(struct stream *s, char ret[CALLER_MAX])
{
    char peer[CALLER_MAX];
    stream_peer(s, peer, CALLER_MAX);
    return caller_of_peer(peer, ret);
}

struct bytes caller_of(struct stream *s, char room[CALLER_MAX])
{
    return s->identity != NULL ? bytes_of_text(s->identity->name) : caller_address(s, room);
}
