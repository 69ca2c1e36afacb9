#include <criterion/criterion.h>
#include <string.h>

#include "weir/target.h"

Test(target, is_completed)
{
    static const char *const table[][2] = {
        { "127.0.0.1", "127.0.0.1:9001" },
        { "posts.example", "posts.example:9001" },
        { "localhost:7", "localhost:7" },
        { "[::1]", "[::1]:9001" },
        { "[::1]:7", "[::1]:7" },
        { "::1", "[::1]:9001" },
        { "10.0.0.1,10.0.0.2:7", "10.0.0.1:9001,10.0.0.2:7" },
        { "unix:/run/post.sock", "unix:/run/post.sock" },
        { "dns:///posts.example", "dns:///posts.example" },
        { "ipv4:127.0.0.1", "ipv4:127.0.0.1" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[TARGET_MAX], error[TARGET_ERROR_MAX];
        cr_expect(target_complete(table[i][0], "9001", got, error), "%s", table[i][0]);
        cr_expect_str_eq(got, table[i][1]);
    }
}

Test(target, is_refused)
{
    static const char *const table[][2] = {
        { "http://localhost:9001", "HOST:PORT, and not a URL" },
        { "https://localhost:9001", "--tls encrypts" },
        { "localhost:", "the port is not a number" },
        { "localhost:0", "the port is not a number" },
        { "localhost:http", "the port is not a number" },
        { "localhost:70000", "the port is not a number" },
        { "", "is empty" },
        { "a:1,,b:2", "is empty" },
        { "a:1,", "is empty" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[TARGET_MAX], error[TARGET_ERROR_MAX] = "";
        cr_expect_not(target_complete(table[i][0], "9001", got, error), "%s", table[i][0]);
        cr_expect_not_null(strstr(error, table[i][1]), "%s: %s", table[i][0], error);
    }
}

Test(target, long_ones)
{
    char given[TARGET_MAX + 1], got[TARGET_MAX], error[TARGET_ERROR_MAX];
    memset(given, 'a', TARGET_MAX);
    given[TARGET_MAX] = '\0';
    cr_assert_not(target_complete(given, "9001", got, error));
    for (size_t i = 1; i < TARGET_MAX / 2; i += 2)
        given[i] = ',';
    given[TARGET_MAX / 2 - 1] = '\0'; /* each of its many addresses would get a port */
    cr_assert_not(target_complete(given, "9001", got, error));
}
