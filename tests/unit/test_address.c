/* Which addresses others can reach. */
#include <criterion/criterion.h>

#include "runtime/address.h"

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
