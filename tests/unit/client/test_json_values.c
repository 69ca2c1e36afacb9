#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "client-cli/input/json_values.h"

#define MOST 32

/* Takes out what there is: "line:value|", with '~' for a newline; "!" for one that is too long. */
static void take(struct json_values *v, char *ret)
{
    struct bytes value;
    enum json_value_result result;
    while ((result = json_values_next(v, &value)) == JSON_VALUE_OK) {
        ret += sprintf(ret, "%d:", (int)v->line);
        for (size_t i = 0; i < value.len; i++)
            *ret++ = value.data[i] == '\n' ? '~' : (char)value.data[i];
        ret += sprintf(ret, "|");
    }
    sprintf(ret, "%s", result == JSON_VALUE_TOO_LONG ? "!" : "");
}

/* Puts text in, @step bytes at a time, and takes values out after each step. */
static void run(const char *text, size_t step, char *ret)
{
    struct json_values v;
    const size_t len = strlen(text);
    cr_assert(json_values_init(&v, MOST));
    *ret = '\0';
    for (size_t at = 0; at < len; at += step) {
        const size_t n = at + step <= len ? step : len - at;
        cr_assert(json_values_add(&v, bytes_of(text + at, n)));
        take(&v, ret + strlen(ret));
        if (strchr(ret, '!') != NULL)
            break;
    }
    json_values_end(&v);
    if (strchr(ret, '!') == NULL)
        take(&v, ret + strlen(ret));
    json_values_close(&v);
}

Test(json_values, whatever_the_pieces)
{
    static const struct {
        const char *text, *values;
    } cases[] = {
        { "", "" },
        { " \n\t\r\n ", "" },
        { "{}", "1:{}|" },
        { "{}{}", "1:{}|1:{}|" },
        { "\n{}\n\n{ }\n", "2:{}|4:{ }|" },
        { "{\"a\":\n[1,{\"b\":2}]}\n[]", "1:{\"a\":~[1,{\"b\":2}]}|3:[]|" },
        /* Brackets and quotes inside of strings are text. */
        { "{\"}\":\"]\\\"}\\\\\"}{}", "1:{\"}\":\"]\\\"}\\\\\"}|1:{}|" },
        { "\"a b\"\"c\"", "1:\"a b\"|1:\"c\"|" },
        { "1 true\n-2.5e3", "1:1|1:true|2:-2.5e3|" },
        { "null{}1[]2\"x\"", "1:null|1:{}|1:1|1:[]|1:2|1:\"x\"|" },
        /* What is wrong is given out for others to say so, and not waited for. */
        { "{\"a\": \"x}\n{}", "1:{\"a\": \"x}~|2:{}|" },
        { "\"x\n{}", "1:\"x~|2:{}|" },
        { "{\"a\":1]{}", "1:{\"a\":1]|1:{}|" },
        { "} {}", "1:}|1:{}|" },
        { "{\"a\":", "1:{\"a\":|" },
        { "\"\\", "1:\"\\|" },
        { "\n{}\n[1,2,3,4,5,6,7,8,9,10,11,12,13,14]{}", "2:{}|!" },
        { "12345678901234567890123456789012345", "!" },
        { "                                                   {}", "1:{}|" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step <= 64; step++) {
            char values[256];
            run(cases[i].text, step, values);
            cr_assert_str_eq(values, cases[i].values, "%s, %zu at a time: %s", cases[i].text, step,
                             values);
        }
}

Test(json_values, what_was_never_opened_can_be_closed)
{
    struct json_values v = { .text = NULL };
    json_values_close(&v);
}
