/* Who counts as one caller. */
#include <criterion/criterion.h>
#include <string.h>

#include "serverkit/intercept/caller.h"

Test(caller, of_a_peer)
{
    static const struct {
        const char *peer, *expected;
    } rows[] = {
        { "ipv4:127.0.0.1:5000", "ipv4:127.0.0.1" },
        { "ipv4:10.1.2.3:1", "ipv4:10.1.2.3" },
        { "ipv6:%5B::1%5D:5000", "ipv6:::/64" },
        { "ipv6:[::1]:5000", "ipv6:::/64" },
        { "ipv6:%5B2001:db8:1:2:3:4:5:6%5D:5000", "ipv6:2001:db8:1:2::/64" },
        { "ipv6:%5B2001:db8:1:2:ffff::%5D:1", "ipv6:2001:db8:1:2::/64" },
        { "ipv6:%5B2001:db8:1:3:3:4:5:6%5D:5000", "ipv6:2001:db8:1:3::/64" },
        { "ipv6:%5Bfe80::1%25eth0%5D:5000", "ipv6:fe80::/64" },
        { "unix:/run/post.sock", "unix:/run/post.sock" },
        { "unix:", "unix:" },
        { "unknown", "unknown" },
        { "ipv6:nonsense", "ipv6:nonsense" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CALLER_MAX];
        const struct bytes caller = caller_of_peer(rows[i].peer, text);
        cr_expect_str_eq(text, rows[i].expected, "%s: %s", rows[i].peer, text);
        cr_expect_eq(caller.len, strlen(rows[i].expected));
    }
}
