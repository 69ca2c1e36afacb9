#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/output/json_paint.h"

static char *painted(const char *json, struct json_paint how)
{
    struct buf *b = buf_new(0);
    cr_assert(json_paint(b, bytes_of_text(json), &how));
    char *text = strndup((char *)b->data, b->len);
    buf_unref(b);
    return text;
}

static void expect(const char *json, struct json_paint how, const char *want)
{
    char *got = painted(json, how);
    cr_assert_str_eq(got, want, "%s became %s", json, got);
    free(got);
}

Test(json_paint, leaves_the_text_alone_if_nothing_is_asked)
{
    const struct json_paint how = { .indent = 0 };
    expect("{\"a\":[1,{}],\"b\": \"x, \\\"y\\\\\"}\n", how,
           "{\"a\":[1,{}],\"b\": \"x, \\\"y\\\\\"}\n");
    expect("", how, "");
    expect("7", how, "7");
}

Test(json_paint, indents)
{
    const struct json_paint how = { .indent = 2 };
    expect("{}\n", how, "{}\n");
    expect("[ ]", how, "[]");
    expect("{\"a\":1,\"b\":[true,null],\"c\":{},\"d\":\"{[,:\"}\n", how,
           "{\n"
           "  \"a\": 1,\n"
           "  \"b\": [\n"
           "    true,\n"
           "    null\n"
           "  ],\n"
           "  \"c\": {},\n"
           "  \"d\": \"{[,:\"\n"
           "}\n");
}

/* What has lines already gets the same ones. */
Test(json_paint, does_not_indent_twice)
{
    const struct json_paint how = { .indent = 2 };
    const char *json = "{\n        \"a\": [\n1  ]\n}";
    char *once = painted(json, how);
    expect(once, how, once);
    free(once);
}

Test(json_paint, begins_at_a_level)
{
    const struct json_paint how = { .indent = 2, .depth = 1 };
    expect("{\"a\":1}\n", how, "  {\n    \"a\": 1\n  }\n");
}

Test(json_paint, colours_keys_and_values)
{
    const struct json_paint how = { .colours = true };
    expect("{\"a\":\"b\",\"c\" :-1.5e3,\"d\":[null,false]}", how,
           "{\033[34;1m\"a\"\033[0m:\033[32m\"b\"\033[0m,\033[34;1m\"c\"\033[0m "
           ":\033[36m-1.5e3\033[0m,"
           "\033[34;1m\"d\"\033[0m:[\033[2mnull\033[0m,\033[36mfalse\033[0m]}");
}

/* It is given valid JSON only, and ends with any. */
Test(json_paint, ends_with_what_is_no_json)
{
    static const char *const bad[] = { "\"", "\"\\", "{\"a\"", "]]]]", "{,:", "[", "a\"b", "{ " };
    const struct json_paint how = { .indent = 2, .colours = true };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        free(painted(bad[i], how));
}
