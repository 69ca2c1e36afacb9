#include "address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
