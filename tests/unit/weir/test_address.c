/* Which addresses others can reach. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "weir/address.h"

Test(address, local)
{
    static const char *const local[] = {
        "127.0.0.1:9000",
        "127.8.9.1:0",
        "localhost:9000",
        "LocalHost:0",
        "[::1]:9000",
        "[::ffff:127.0.0.1]:1",
        "unix:/run/a.sock",
        "unix:relative",
        "unix:///run/a",
        "unix-abstract:name",
        "ipv4:127.0.0.1:80",
        "ipv6:[::1]:80",
        "dns:localhost:80",
        "dns:///localhost:80",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "::1",
    };
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        cr_expect(address_is_local(local[i]), "%s", local[i]);
}

Test(address, reachable_by_others)
{
    static const char *const others[] = {
        "0.0.0.0:9000",
        "[::]:9000",
        ":9000",
        "*:9000",
        "",
        "[]:1",
        "[::1",
        "192.168.1.2:0",
        "128.0.0.1:0",
        "12.7.0.1:0",
        "[fe80::1]:9000",
        "[::ffff:10.0.0.1]:1",
        "example.org:80",
        "localhost.example.org:80",
        "127.0.0.1.example.org:80",
        "ipv4:127.0.0.1:1,0.0.0.0:2",
        "127.0.0.1:1,10.0.0.1",
        "[::1]:1,10.0.0.1:2",
        "[::1]:1,[::1]:2",
        "dns:///0.0.0.0:1",
        "unixx:1",
        "127.1:80",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_not(address_is_local(others[i]), "%s", others[i]);
}

Test(address, unix_sockets)
{
    cr_expect(address_is_unix("unix:a"));
    cr_expect(address_is_unix("unix-abstract:a"));
    cr_expect_not(address_is_unix("unix"));
    cr_expect_not(address_is_unix("localhost:1"));
}

/* "127.0.0.1:80", "[::1]:80", a path, or a name after '@'. */
static void show(const struct sockaddr_storage *a, socklen_t len, char ret[200])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    const struct sockaddr_un *un = (const struct sockaddr_un *)a;
    const size_t name = len - offsetof(struct sockaddr_un, sun_path);
    char host[INET6_ADDRSTRLEN];
    if (a->ss_family == AF_INET)
        snprintf(ret, 200, "%s:%d", inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host),
                 ntohs(v4->sin_port));
    else if (a->ss_family == AF_INET6)
        snprintf(ret, 200, "[%s]:%d", inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host),
                 ntohs(v6->sin6_port));
    else if (un->sun_path[0] != '\0')
        snprintf(ret, 200, "%s", un->sun_path);
    else
        snprintf(ret, 200, "@%.*s", (int)name - 1, un->sun_path + 1);
}

Test(address, resolve)
{
    static const struct {
        const char *address;
        int port;
        const char *expected;
    } rows[] = {
        { "127.0.0.1:0", 80, "127.0.0.1:80" },      { "0.0.0.0:9000", 9000, "0.0.0.0:9000" },
        { "[::1]:9000", 9001, "[::1]:9001" },       { "ipv4:127.0.0.1:1", 1, "127.0.0.1:1" },
        { "unix:/run/a.sock", 1, "/run/a.sock" },   { "unix:a", 1, "a" },
        { "unix:///run/a.sock", 1, "/run/a.sock" }, { "unix-abstract:name", 1, "@name" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sockaddr_storage a = { 0 };
        char text[200];
        const socklen_t len = address_resolve(rows[i].address, rows[i].port, &a);
        cr_assert_gt(len, 0, "%s", rows[i].address);
        show(&a, len, text);
        cr_expect_str_eq(text, rows[i].expected);
    }
}

Test(address, does_not_resolve)
{
    char path[400] = "unix:";
    struct sockaddr_storage a;
    memset(path + 5, 'x', sizeof path - 6);
    cr_expect_eq(address_resolve(path, 1, &a), 0);
    cr_expect_eq(address_resolve("[::1", 1, &a), 0);
}
