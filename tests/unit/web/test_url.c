/* Targets of requests, and their queries. */
#include <criterion/criterion.h>

#include "web/url.h"

static void expect_decoded(const char *text, enum url_part part, const char *wanted)
{
    uint8_t room[64];
    size_t n = 99;
    const bool ok = url_decode(room, bytes_of_text(text), part, &n);
    cr_assert_eq(ok, wanted != NULL, "%s", text);
    if (ok)
        cr_assert(bytes_equal(bytes_of(room, n), bytes_of_text(wanted)), "%s: %.*s", text, (int)n,
                  (char *)room);
}

Test(url, decodes)
{
    expect_decoded("", URL_SEGMENT, "");
    expect_decoded("a+b%20c", URL_SEGMENT, "a+b c");
    expect_decoded("a+b%2Bc", URL_QUERY, "a b+c");
    expect_decoded("a%2Fb%2f%41", URL_SEGMENT, "a/b/A");
    expect_decoded("a%2Fb%2f%41", URL_SEGMENTS, "a%2Fb%2fA");
    expect_decoded("%ed%95%9c", URL_QUERY, "한");
    expect_decoded("%", URL_SEGMENT, NULL);
    expect_decoded("%4", URL_SEGMENT, NULL);
    expect_decoded("%4g", URL_SEGMENT, NULL);
    expect_decoded("%g4", URL_SEGMENT, NULL);
    expect_decoded("%%41", URL_SEGMENT, NULL);
}

Test(url, splits_a_target)
{
    struct url u = url_of(bytes_of_text("/a/b?c=d?e"));
    cr_assert(bytes_equal(u.path, bytes_of_text("/a/b")));
    cr_assert(bytes_equal(u.query, bytes_of_text("c=d?e")));
    u = url_of(bytes_of_text("/a"));
    cr_assert(bytes_equal(u.path, bytes_of_text("/a")) && u.query.len == 0);
    u = url_of(bytes_of_text("?"));
    cr_assert(u.path.len == 0 && u.query.len == 0);
    u = url_of(bytes_of(NULL, 0));
    cr_assert(u.path.len == 0 && u.query.len == 0);
}

Test(url, takes_a_query_apart)
{
    static const char *const wanted[][2] = {
        { "a", "1" }, { "b", "" }, { "c", "" }, { "d", "=" }, { "", "x" }
    };
    struct bytes query = bytes_of_text("&a=1&&b=&c&d==&=x&"), name, value;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cr_assert(url_query_next(&query, &name, &value));
        cr_assert(bytes_equal(name, bytes_of_text(wanted[i][0])), "%zu", i);
        cr_assert(bytes_equal(value, bytes_of_text(wanted[i][1])), "%zu", i);
    }
    cr_assert_not(url_query_next(&query, &name, &value));
}
