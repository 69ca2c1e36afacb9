#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_HOST 256

static const char *after(const char *text, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Without the scheme: dns:///host:port -> host:port. */
static const char *authority_of(const char *address)
{
    static const char *const schemes[] = { "dns:", "ipv4:", "ipv6:" };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const char *rest = after(address, schemes[i]);
        if (rest != NULL)
            return rest + strspn(rest, "/");
    }
    return address;
}

/* "[::1]:80", "host:80", "host", and "::1", which has no port. */
static bool host_of(const char *authority, char ret[MAX_HOST])
{
    const char *host = authority, *end;
    if (*host == '[') {
        end = strchr(++host, ']');
    } else {
        end = strchr(host, ':');
        if (end == NULL || strchr(end + 1, ':') != NULL)
            end = host + strlen(host);
    }
    if (end == NULL || end - host >= MAX_HOST)
        return false;
    snprintf(ret, MAX_HOST, "%.*s", (int)(end - host), host);
    return true;
}

static bool host_is_local(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool address_is_unix(const char *address)
{
    return after(address, "unix:") != NULL || after(address, "unix-abstract:") != NULL;
}

bool address_is_local(const char *address)
{
    char host[MAX_HOST];
    if (address_is_unix(address))
        return true;
    if (strchr(address, ',') != NULL) /* a list, of which one may be elsewhere */
        return false;
    return host_of(authority_of(address), host) && host_is_local(host);
}

static socklen_t resolve_unix(const char *address, struct sockaddr_storage *ret)
{
    const char *path = after(address, "unix:"), *name = after(address, "unix-abstract:");
    const char *text = path != NULL ? path : name;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (path != NULL && strncmp(path, "//", 2) == 0) /* unix:///an/absolute/path */
        text += 2;
    const size_t len = strlen(text), zero = path == NULL; /* an abstract name has a NUL before it */
    if (len + 1 > sizeof a.sun_path)
        return 0;
    memcpy(a.sun_path + zero, text, len);
    memcpy(ret, &a, sizeof a);
    return (socklen_t)(path != NULL ? sizeof a : offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

static size_t resolve_host(const char *host, int port, struct resolved *ret, size_t max)
{
    char service[16];
    struct addrinfo *found;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    size_t n = 0;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &found) != 0)
        return 0;
    for (const struct addrinfo *a = found; a != NULL && n < max; a = a->ai_next, n++) {
        memcpy(&ret[n].addr, a->ai_addr, a->ai_addrlen);
        ret[n].len = a->ai_addrlen;
    }
    freeaddrinfo(found);
    return n;
}

size_t address_resolve_all(const char *address, int port, struct resolved *ret, size_t max)
{
    char host[MAX_HOST];
    if (!address_is_unix(address))
        return host_of(authority_of(address), host) ? resolve_host(host, port, ret, max) : 0;
    ret->len = resolve_unix(address, &ret->addr);
    return ret->len > 0;
}

socklen_t address_resolve(const char *address, int port, struct sockaddr_storage *ret)
{
    struct resolved first;
    if (address_resolve_all(address, port, &first, 1) == 0)
        return 0;
    *ret = first.addr;
    return first.len;
}

bool address_is_served(const char *address)
{
    struct sockaddr_storage a;
    const socklen_t len = address_is_unix(address) ? address_resolve(address, 0, &a) : 0;
    if (len == 0)
        return false;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    const bool served = connect(fd, (const struct sockaddr *)&a, len) == 0 || errno == EAGAIN;
    close(fd);
    return served;
}
