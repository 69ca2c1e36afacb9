/* Templates of paths, what matches them, and which of two is asked first. */
#include <criterion/criterion.h>

#include "web/path_template.h"

static struct path_template read(const char *text)
{
    struct path_template t;
    cr_assert(path_template_read(&t, bytes_of_text(text)), "%s", text);
    return t;
}

Test(path_template, is_refused)
{
    static const char *const wrong[] = {
        "",
        "a",
        "/",
        "//",
        "/a/",
        "/a//b",
        "/{}",
        "/{a",
        "/a}",
        "/{a=}",
        "/{a=b/}",
        "/{a=/b}",
        "/{a/b}",
        "/{a={b}}",
        "/**/a",
        "/{a=**}/b",
        "/a:",
        "/a:b:c",
        "/a:b/c",
        "/a*",
        "/***",
        "/{a=b}c",
        "/{a}{b}",
        "/{a=**/**}",
        "/a:{b}",
        "/{=a}",
        "/a=b",
        "/{a*}",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
        "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
    };
    struct path_template t;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert_not(path_template_read(&t, bytes_of_text(wrong[i])), "%s", wrong[i]);
}

/* @values: those of the variables, with | between; NULL: it does not match. */
static void expect(const char *text, const char *path, const char *values)
{
    const struct path_template t = read(text);
    struct bytes found[PATH_VARIABLES_MAX];
    char joined[256] = "";
    const bool matches = path_template_match(&t, bytes_of_text(path), found);
    cr_assert_eq(matches, values != NULL, "%s: %s", text, path);
    for (unsigned i = 0; matches && i < t.nvariables; i++) {
        strcat(joined, i > 0 ? "|" : "");
        strncat(joined, (const char *)found[i].data, found[i].len);
    }
    if (matches)
        cr_assert_str_eq(joined, values, "%s: %s", text, path);
}

Test(path_template, matches)
{
    expect("/v1/posts", "/v1/posts", "");
    expect("/v1/posts", "/v1/posts/", NULL);
    expect("/v1/posts", "/v1/post", NULL);
    expect("/v1/posts", "v1/posts", NULL);
    expect("/v1/posts", "", NULL);
    expect("/v1/posts", "/v1/posts:import", NULL);
    expect("/v1/posts:import", "/v1/posts:import", "");
    expect("/v1/posts:import", "/v1/posts", NULL);
    expect("/v1/posts:import", ":import", NULL);
    expect("/v1/posts/{id}", "/v1/posts/7", "7");
    expect("/v1/posts/{id}", "/v1/posts/a%2Fb:c", "a%2Fb:c");
    expect("/v1/posts/{id}", "/v1/posts/", NULL);
    expect("/v1/posts/{id}", "/v1/posts/a/b", NULL);
    expect("/v1/users/{user_id}/posts", "/v1/users/1/posts", "1");
    expect("/v1/users/{user_id}/posts:stream", "/v1/users/1/posts:stream", "1");
    expect("/{a}/x/{b.c}", "/1/x/2", "1|2");
    expect("/v1/{name=shelves/*/books/*}", "/v1/shelves/a/books/b", "shelves/a/books/b");
    expect("/v1/{name=shelves/*/books/*}", "/v1/shelves/a/pages/b", NULL);
    expect("/files/{name=**}", "/files/a/b//c", "a/b//c");
    expect("/files/{name=**}", "/files/", NULL);
    expect("/files/{name=a/**}:get", "/files/a/b/c:get", "a/b/c");
    expect("/*/b", "/a/b", "");
    expect("/**", "/a/b", "");
}

Test(path_template, tries_narrow_ones_first)
{
    static const char *const order[] = {
        "/v1/books/{id}:read",
        "/v1/books/all",
        "/v1/books/{id}/pages",
        "/v1/books/{id}",
        "/v1/books",
        "/v1/*",
        "/{a=**}",
    };
    const size_t n = sizeof order / sizeof order[0];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const struct path_template a = read(order[i]), b = read(order[j]);
            const int found = path_template_compare(&a, &b);
            cr_assert_eq((found > 0) - (found < 0), (i > j) - (i < j), "%s, %s", order[i],
                         order[j]);
        }
    const struct path_template a = read("/v1/{a}/x"), b = read("/v1/{other}/x");
    cr_assert(path_template_same(&a, &b), "names of variables do not matter");
}
