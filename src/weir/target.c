#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool has_scheme(const char *target)
{
    static const char *const schemes[] = { "unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:" };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (begins_with(target, schemes[i]))
            return true;
    return false;
}

/* Where the port of the @len bytes at @address begins, its colon included. NULL: it has none,
 * as "host", "[::1]" and "::1". */
static const char *find_port(const char *address, size_t len)
{
    const char *colon = memrchr(address, ':', len);
    if (colon == NULL || memchr(colon, ']', len - (size_t)(colon - address)) != NULL)
        return NULL;
    const bool bare_v6 = address[0] != '[' && memchr(address, ':', (size_t)(colon - address));
    return bare_v6 ? NULL : colon;
}

static bool is_port(const char *digits, size_t len)
{
    return len > 0 && len <= 5 && strspn(digits, "0123456789") >= len && atoi(digits) > 0 &&
           atoi(digits) <= 65535;
}

/* The same in front of and behind a "::1" without brackets. */
static int put(char *to, size_t room, const char *address, size_t len, const char *port)
{
    const bool bare_v6 = port != NULL && address[0] != '[' && memchr(address, ':', len) != NULL;
    return snprintf(to, room, "%s%.*s%s%s%s", bare_v6 ? "[" : "", (int)len, address,
                    bare_v6 ? "]" : "", port != NULL ? ":" : "", port != NULL ? port : "");
}

static bool complain(char error[TARGET_ERROR_MAX], const char *given, const char *what)
{
    snprintf(error, TARGET_ERROR_MAX, "%.100s: %s", given, what);
    return false;
}

bool target_complete(const char *given, const char *port, char ret[TARGET_MAX],
                     char error[TARGET_ERROR_MAX])
{
    size_t n = 0;
    if (strlen(given) > TARGET_MAX / 2)
        return complain(error, given, "the target is too long");
    if (begins_with(given, "https://"))
        return complain(error, given, "a target is HOST:PORT, without https://; --tls encrypts");
    if (strstr(given, "://") != NULL && !has_scheme(given))
        return complain(error, given, "a target is HOST:PORT, and not a URL");
    if (has_scheme(given)) {
        snprintf(ret, TARGET_MAX, "%s", given);
        return true;
    }
    for (const char *at = given; n < TARGET_MAX; at++) {
        const size_t len = strcspn(at, ",");
        const char *colon = find_port(at, len);
        if (len == 0)
            return complain(error, given, "an address of the target is empty");
        if (colon != NULL && !is_port(colon + 1, len - (size_t)(colon + 1 - at)))
            return complain(error, given, "the port is not a number from 1 to 65535");
        n += (size_t)put(ret + n, TARGET_MAX - n, at, len, colon != NULL ? NULL : port);
        at += len;
        if (*at == '\0')
            break;
        n += (size_t)snprintf(ret + n, TARGET_MAX - n, ",");
    }
    return n < TARGET_MAX || complain(error, given, "the target is too long");
}
