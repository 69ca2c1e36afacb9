#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "client-cli/output/json_write.h"
#include "client-cli/records/ndjson.h"

static const char *text_of(struct buf *b)
{
    cr_assert(buf_append(b, bytes_of("", 1)));
    return (const char *)b->data;
}

/* --- strings ------------------------------------------------------------------------ */

Test(json_write, strings)
{
    static const struct {
        const char *text, *json;
    } table[] = {
        { "", "\"\"" },
        { "plain", "\"plain\"" },
        { "exactly8", "\"exactly8\"" },
        { "sixteen letters!", "\"sixteen letters!\"" },
        { "say \"hi\"", "\"say \\\"hi\\\"\"" },
        { "\"", "\"\\\"\"" },
        { "C:\\x", "\"C:\\\\x\"" },
        { "a/b", "\"a/b\"" },
        { "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
        { "\x01\x1f\x7f!", "\"\\u0001\\u001f\\u007f!\"" },
        { "\x1b[31mred", "\"\\u001b[31mred\"" },
        { "0123456\n89abcde\"", "\"0123456\\n89abcde\\\"\"" },
        { "안녕하세요", "\"안녕하세요\"" },
        { "coffee ☕ and 🚂", "\"coffee ☕ and 🚂\"" },
        { "\xc2\x80\xc2\x9f\xc2\xa0", "\"\\u0080\\u009f\xc2\xa0\"" },
        { "\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
          "\"\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
        /* bytes that are no UTF-8, one U+FFFD each */
        { "a\x80z", "\"a\xef\xbf\xbdz\"" },
        { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xc3", "\"\xef\xbf\xbd\"" },
        { "\xc3\"", "\"\xef\xbf\xbd\\\"\"" },
        { "\xc2", "\"\xef\xbf\xbd\"" },
        { "\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf0\x9f\x9a", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xff", "\"\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf *b = buf_new(0);
        cr_assert(json_write_text(b, bytes_of_text(table[i].text)));
        cr_expect_str_eq(text_of(b), table[i].json, "row %zu: %s", i, b->data);
        buf_unref(b);
    }
}

/* A special byte in each place of a word, against what jansson reads. */
Test(json_write, every_byte_in_every_place)
{
    for (unsigned c = 0; c < 256; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[21] = "abcdefghijklmnopqrst";
            text[place] = (char)c;
            struct buf *b = buf_new(0);
            cr_assert(json_write_text(b, bytes_of(text, 20)));
            json_t *json =
                json_loadb((const char *)b->data, b->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            cr_assert_not_null(json, "byte %u, place %zu", c, place);
            cr_assert_eq(json_string_length(json), c < 0x80 ? 20 : 22);
            if (c < 0x80)
                cr_assert_arr_eq(json_string_value(json), text, 20);
            json_decref(json);
            buf_unref(b);
        }
    }
}

Test(json_write, numbers)
{
    static const struct {
        int64_t n;
        const char *text;
    } table[] = {
        { 0, "0" },
        { 7, "7" },
        { -1, "-1" },
        { 1234567890, "1234567890" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf *b = buf_new(0);
        cr_assert(json_write_int(b, table[i].n));
        cr_expect_str_eq(text_of(b), table[i].text);
        buf_unref(b);
    }
}

/* --- lines -------------------------------------------------------------------------- */

/* What the row reads as, printed again; or the error. */
static const char *again(const char *line, bool user)
{
    static char result[4096];
    char error[NDJSON_ERROR_BYTES] = "no reason was given";
    struct arena *a = arena_new(1 << 20);
    struct buf *b = buf_new(0);
    struct bytes bytes = bytes_of_text(line);
    bool ok;
    if (user) {
        V1__User__UserMessage *message = ndjson_read_user(a, bytes, error);
        ok = message != NULL && ndjson_write_user(b, message);
    } else {
        V1__Post__PostMessage *message = ndjson_read_post(a, bytes, error);
        ok = message != NULL && ndjson_write_post(b, message);
    }
    snprintf(result, sizeof(result), "%s", ok ? text_of(b) : error);
    buf_unref(b);
    arena_free(a);
    return result;
}

Test(ndjson, lines_as_in_the_contract)
{
    static const char *const posts[] = {
        "{\"post_id\":\"1\",\"author\":\"Henry\",\"user_id\":\"1\",\"title\":\"t\",\"body\":\"b\","
        "\"tags\":[\"a\",\"b\"],\"create_time\":\"2020-10-25T00:00:00Z\"}\n",
        "{\"post_id\":\"\",\"author\":\"\",\"user_id\":\"\",\"title\":\"\",\"body\":\"\","
        "\"tags\":[],\"create_time\":null}\n",
        "{\"post_id\":\"p\\\"\",\"author\":\"최\",\"user_id\":\"\\\\\",\"title\":\"☕ 🚂\","
        "\"body\":\"one\\ntwo\\u0001\\u007f\\u0085\",\"tags\":[\"\"],"
        "\"create_time\":\"0001-01-01T00:00:00.000000001Z\"}\n",
        "{\"post_id\":\"1\",\"author\":\"\",\"user_id\":\"\",\"title\":\"\",\"body\":\"\","
        "\"tags\":[],\"create_time\":\"9999-12-31T23:59:59.999Z\"}\n",
    };
    static const char *const users[] = {
        "{\"user_id\":\"1\",\"name\":\"Henry\",\"phone_number\":\"01012341234\",\"age\":22}\n",
        "{\"user_id\":\"\",\"name\":\"\",\"phone_number\":\"\",\"age\":0}\n",
        "{\"user_id\":\"x\",\"name\":\"토니\",\"phone_number\":\"\",\"age\":-2147483648}\n",
        "{\"user_id\":\"x\",\"name\":\"\\t\",\"phone_number\":\"\",\"age\":2147483647}\n",
    };
    for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++)
        cr_expect_str_eq(again(posts[i], false), posts[i]);
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        cr_expect_str_eq(again(users[i], true), users[i]);
}

Test(ndjson, input_may_be_written_otherwise)
{
    static const struct {
        bool user;
        const char *line, *canonical;
    } table[] = {
        { true, "{}", "{\"user_id\":\"\",\"name\":\"\",\"phone_number\":\"\",\"age\":0}\n" },
        { true, " { \"age\" : 7 , \"user_id\" : \"\\u0031\" } \r\n",
          "{\"user_id\":\"1\",\"name\":\"\",\"phone_number\":\"\",\"age\":7}\n" },
        { true, "{\"user_id\":null,\"age\":null,\"name\":\"\\ud83d\\ude82\"}",
          "{\"user_id\":\"\",\"name\":\"🚂\",\"phone_number\":\"\",\"age\":0}\n" },
        { false, "{\"tags\":null,\"create_time\":\"2020-10-25T09:00:00.50+09:00\"}",
          "{\"post_id\":\"\",\"author\":\"\",\"user_id\":\"\",\"title\":\"\",\"body\":\"\","
          "\"tags\":[],\"create_time\":\"2020-10-25T00:00:00.500Z\"}\n" },
        { false, "{\"create_time\":\"2020-10-25t00:00:00z\"}",
          "{\"post_id\":\"\",\"author\":\"\",\"user_id\":\"\",\"title\":\"\",\"body\":\"\","
          "\"tags\":[],\"create_time\":\"2020-10-25T00:00:00Z\"}\n" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        cr_expect_str_eq(again(table[i].line, table[i].user), table[i].canonical);
}

Test(ndjson, bad_lines_say_why)
{
    static const char time_error[] =
        "field \"create_time\" must be a time like \"2020-10-25T09:00:00.5+09:00\"";
    static const char tags_error[] = "field \"tags\" must be an array of strings";
    static const struct {
        bool user;
        const char *line, *error; /* the beginning of it */
    } table[] = {
        { false, "", "column 0: " },
        { false, "nonsense", "column 8: '[' or '{' expected near 'nonsense'" },
        { false, "[]", "column 1: not a JSON object" },
        { false, "{\"post_id\":\"1\"", "column 14: " },
        { false, "{\"post_id\":\"1\"} x", "column 17: end of file expected near 'x'" },
        { false, "{'post_id':1}", "column 2: " },
        { false, "{\"post_id\":\"1\",\"post_id\":\"2\"}", "column 24: duplicate object key" },
        { false, "{\"title\":\"\xc3(\"}", "column 10: unable to decode byte 0xc3" },
        { false, "{\"title\":\"\xed\xa0\x80\"}", "column 10: unable to decode byte 0xed" },
        { false, "{\"title\":\"\\ud800\"}", "column 17: invalid Unicode" },
        { false, "{\"title\":\"a\\u0000b\"}", "column 19: U+0000 is not allowed" },
        { false, "{\"title\":\"a\nb\"}", "column 11: unexpected newline" },
        { false, "{\"titel\":\"x\"}", "unknown field \"titel\"" },
        { false, "{\"base\":\"x\"}", "unknown field \"base\"" },
        { false, "{\"\\n\":\"x\"}", "unknown field \"?\"" },
        { false, "{\"age\":1}", "unknown field \"age\"" },
        { false, "{\"post_id\":1}", "field \"post_id\" must be a string" },
        { false, "{\"body\":[\"x\"]}", "field \"body\" must be a string" },
        { false, "{\"tags\":\"x\"}", tags_error },
        { false, "{\"tags\":[\"x\",2]}", tags_error },
        { false, "{\"tags\":[null]}", tags_error },
        { false, "{\"create_time\":1603584000}", time_error },
        { false, "{\"create_time\":\"yesterday\"}", time_error },
        { false, "{\"create_time\":{\"seconds\":1}}", time_error },
        { true, "{\"age\":\"22\"}", "field \"age\" must be a whole number" },
        { true, "{\"age\":22.5}", "field \"age\" must be a whole number" },
        { true, "{\"age\":true}", "field \"age\" must be a whole number" },
        { true, "{\"age\":2147483648}", "field \"age\" must be a number of 32 bits" },
        { true, "{\"age\":-2147483649}", "field \"age\" must be a number of 32 bits" },
        { true, "{\"title\":\"x\"}", "unknown field \"title\"" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *error = again(table[i].line, table[i].user);
        cr_expect_eq(strncmp(error, table[i].error, strlen(table[i].error)), 0, "%s\n  gives: %s",
                     table[i].line, error);
        cr_expect_null(strchr(error, '\n'), "%s", error);
    }
}

Test(ndjson, too_large_for_the_arena)
{
    char error[NDJSON_ERROR_BYTES] = "";
    char line[4096];
    snprintf(line, sizeof(line), "{\"body\":\"%03000d\"}", 0);
    struct arena *a = arena_new(2000);
    cr_assert_null(ndjson_read_post(a, bytes_of_text(line), error));
    cr_expect_str_eq(error, "the line is too large");
    arena_reset(a);
    cr_expect_not_null(ndjson_read_post(a, bytes_of_text("{\"body\":\"x\"}"), error));
    arena_free(a);
}

/* A buffer that cannot grow stays as it was. */
Test(ndjson, all_or_nothing)
{
    V1__User__UserMessage user = V1__USER__USER_MESSAGE__INIT;
    user.name = (char *)"a name that is longer than the buffer has room for";
    struct buf *b = buf_new(40);
    cr_assert(buf_append(b, bytes_of("xyz", 3)));
    buf_ref(b);
    cr_expect_not(ndjson_write_user(b, &user));
    cr_expect_eq(b->len, 3);
    buf_unref(b);
    cr_expect(ndjson_write_user(b, &user));
    buf_unref(b);
}

/* So a listing of the demo data can be compared with its files byte for byte. */
static void check_file(const char *path, bool user, int lines)
{
    FILE *file = fopen(path, "r");
    char line[4096];
    cr_assert_not_null(file, "%s: tests run in the top directory", path);
    for (; fgets(line, sizeof(line), file) != NULL; lines--)
        cr_expect_str_eq(again(line, user), line);
    cr_expect_eq(lines, 0, "%s: %d lines missing", path, lines);
    fclose(file);
}

Test(ndjson, demo_files_are_as_we_print)
{
    check_file("client-cli/demo/users.ndjson", true, 5);
    check_file("client-cli/demo/posts.ndjson", false, 8);
}
