/* JSON as messages on the wire. Which texts are taken is in tests/e2e/test_pbjson.py, beside
 * protobuf's own; here are the bytes, the reasons, and the limits. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/every_type.h"
#include "lib/heap.h"
#include "pbjson/pbjson.h"

#define TEXT(literal)   bytes_of("" literal, sizeof(literal) - 1)
#define LENGTH_OF(rows) (sizeof(rows) / sizeof *(rows))

static struct pb_pool *pool;
static struct buf *out;
static char why[PBJSON_ERROR_BYTES];

static void set_up(void)
{
    pool = pb_pool_new((size_t)4 << 20);
    out = buf_new(16);
    cr_assert_eq(pb_pool_add_set(pool, every_type()), 0, "%s", pb_pool_error(pool));
}

static void tear_down(void)
{
    buf_unref(out);
    pb_pool_free(pool);
}

TestSuite(parse, .init = set_up, .fini = tear_down);

static int parse(const char *type, const char *text, const struct pbjson_parse *o)
{
    struct bytes json = bytes_of_text(text);
    out->len = 0;
    why[0] = '\0';
    return pbjson_parse(out, pool, pb_find_message(pool, bytes_of_text(type)), &json, o, why);
}

Test(parse, writes_what_protobuf_would)
{
    static const struct {
        const char *json, *bytes;
        size_t len;
    } rows[] = {
#define ROW(json, bytes) { json, bytes, sizeof(bytes) - 1 }
        ROW("{}", ""),
        ROW("{\"int32Value\":5,\"int64Value\":\"6\"}", "\x18\x05\x20\x06"),
        ROW("{\"int32Value\":-1}", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ROW("{\"sint32Value\":-1,\"sint64Value\":-9223372036854775808}",
            "\x38\x01\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ROW("{\"fixed32Value\":1,\"sfixed64Value\":-2}",
            "\x4d\x01\x00\x00\x00\x61\xfe\xff\xff\xff\xff\xff\xff\xff"),
        ROW("{\"doubleValue\":1,\"floatValue\":\"NaN\"}",
            "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x15\x00\x00\xc0\x7f"),
        ROW("{\"int32Value\":0,\"stringValue\":\"\",\"boolValue\":false,\"doubleValue\":0.0}", ""),
        ROW("{\"doubleValue\":-0.0}", "\x09\x00\x00\x00\x00\x00\x00\x00\x80"),
        ROW("{\"maybeInt32\":0}", "\x98\x03\x00"),
        ROW("{\"int32s\":[1,0,300]}", "\xba\x01\x04\x01\x00\xac\x02"),
        ROW("{\"int32s\":[]}", ""),
        ROW("{\"unpacked\":[1,0]}", "\xb0\x02\x01\xb0\x02\x00"),
        ROW("{\"strings\":[\"\",\"\\u20ac\"]}", "\x92\x02\x00\x92\x02\x03\xe2\x82\xac"),
        ROW("{\"textMap\":{\"\":\"\"}}", "\xca\x02\x04\x0a\x00\x12\x00"),
        ROW("{\"inner\":{\"number\":1}}", "\x8a\x01\x02\x08\x01"),
        ROW("{\"inner\":{}}", "\x8a\x01\x00"),
        ROW("{\"timestamp\":\"1970-01-01T00:00:01.5Z\"}", "\xba\x04\x08\x08\x01\x10\x80\xca\xb5\xee"
                                                          "\x01"),
        ROW("{\"duration\":\"-0.000000001s\"}",
            "\xc2\x04\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ROW("{\"fieldMask\":\"aB,c\"}", "\xca\x04\x08\x0a\x03"
                                        "a_b\x0a\x01"
                                        "c"),
        ROW("{\"value\":[null]}", "\xda\x04\x06\x32\x04\x0a\x02\x08\x00"),
        ROW("{\"any\":{\"text\":\"y\",\"@type\":\"every.Every.Inner\"}}",
            "\xea\x04\x18\x0a\x11"
            "every.Every.Inner\x12\x03\x12\x01y"),
#undef ROW
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        cr_expect_eq(parse("every.Every", rows[i].json, NULL), 0, "%s: %s", rows[i].json, why);
        cr_expect(bytes_equal(buf_bytes(out), bytes_of(rows[i].bytes, rows[i].len)), "%s",
                  rows[i].json);
    }
}

/* The value of one field, without an object around it. */
static int parse_value_of(const char *field, const char *text, struct bytes *ret_rest)
{
    const struct pb_message *every = pb_find_message(pool, TEXT("every.Every"));
    const struct pb_field *f = pb_field_by_name(every, bytes_of_text(field));
    *ret_rest = bytes_of_text(text);
    out->len = 0;
    why[0] = '\0';
    return pbjson_parse_field(out, pool, f, ret_rest, NULL, why);
}

Test(parse, takes_the_value_of_one_field)
{
    static const struct {
        const char *field, *json, *bytes;
        size_t len, rest;
    } rows[] = {
#define ROW(field, json, bytes, rest) { field, json, bytes, sizeof(bytes) - 1, rest }
        ROW("int32_value", " 5 ", "\x18\x05", 0),
        ROW("int32s", "[1,0,300]", "\xba\x01\x04\x01\x00\xac\x02", 0),
        ROW("int32s", "5", "\xb8\x01\x05", 0),
        ROW("strings", "[\"\",\"a\"]", "\x92\x02\x00\x92\x02\x01\x61", 0),
        ROW("strings", "\"\"", "\x92\x02\x00", 0),
        ROW("strings", "\"\",\"a\"", "\x92\x02\x00", 4),
        ROW("strings", "\"\"],\"textMap\":{}", "\x92\x02\x00", 14),
        ROW("text_map", "{\"\":\"\"}", "\xca\x02\x04\x0a\x00\x12\x00", 0),
        ROW("inner", "{\"number\":1}}", "\x8a\x01\x02\x08\x01", 1),
#undef ROW
    };
    struct bytes rest;
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        cr_expect_eq(parse_value_of(rows[i].field, rows[i].json, &rest), 0, "%s: %s", rows[i].json,
                     why);
        cr_expect(bytes_equal(buf_bytes(out), bytes_of(rows[i].bytes, rows[i].len)), "%s",
                  rows[i].json);
        cr_expect_eq(rest.len, rows[i].rest, "%s", rows[i].json);
    }
    cr_expect_eq(parse_value_of("inners", "[{},{\"gone\":1}]", &rest), EINVAL);
    cr_expect_str_eq(why, "inners[1]: every.Every.Inner has no field \"gone\"");
    cr_expect_eq(parse_value_of("strings", "null", &rest), EINVAL);
    cr_expect_str_eq(why, "strings[0]: null is no item of a list");
    cr_expect_eq(parse_value_of("strings", "", &rest), EINVAL);
    cr_expect_eq(out->len, 0);
}

/* Lengths of one, two and three bytes, in one another. */
Test(parse, puts_lengths_in_afterwards)
{
    struct buf *json = buf_new(64);
    buf_append(json, TEXT("{\"inner\":{\"every\":{\"stringValue\":\""));
    for (int i = 0; i < 20000; i++)
        buf_append(json, TEXT("x"));
    buf_append(json, TEXT("\"}}}"));
    struct bytes text = buf_bytes(json);
    cr_assert_eq(
        pbjson_parse(out, pool, pb_find_message(pool, TEXT("every.Every")), &text, NULL, why), 0);
    const struct bytes inner = wire_find(buf_bytes(out), 17);
    const struct bytes every = wire_find(inner, 3);
    cr_assert_eq(wire_find(every, 14).len, 20000);
    cr_assert_eq(every.len, 20004);
    cr_assert_eq(inner.len, 20008);
    buf_unref(json);
}

Test(parse, says_where_and_why_not)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        { "", "line 1, column 1: a value is missing" },
        { "{\"int32Value\":1", "line 1, column 16: a comma or } is missing" },
        { "{\n \"int32Value\" 1}", "line 2, column 15: a colon is missing" },
        { "{\"int32Value\":}", "line 1, column 15: a value is missing" },
        { "{1:2}", "line 1, column 2: a name in quotes is missing" },
        { "{\"int32s\":[1 2]}", "line 1, column 14: a comma or ] is missing" },
        { "{\"stringValue\":\"a", "line 1, column 18: a quote is missing" },
        { "{\"stringValue\":\"\\x\"}", "line 1, column 17: not an escape" },
        { "{\"stringValue\":\"\t\"}", "line 1, column 17: a control character in a text" },
        { "{\"stringValue\":\"\xff\"}", "line 1, column 16: the text is not UTF-8" },
        { "{\"int32Value\":01}", "line 1, column 15: not a number" },
        { "{\"boolValue\":tru}", "line 1, column 14: not a value" },
        { "[]", "an object is wanted here, not a list" },
        { "null", "an object is wanted here, not null" },
        { "{\"gone\":1}", "every.Every has no field \"gone\"" },
        { "{\"inners\":[{},{\"every\":{\"gone\":1}}]}",
          "inners[1].every: every.Every has no field \"gone\"" },
        { "{\"inners\":[{},{\"every\":{\"timestamp\":\"2020-13-01\"}}]}",
          "inners[1].every.timestamp: \"2020-13-01\" is no time" },
        { "{\"duration\":\"1\"}", "duration: \"1\" is no duration" },
        { "{\"field_mask\":\"a_b\"}", "field_mask: \"a_b\" is no field mask" },
        { "{\"int32Value\":1.5}", "int32Value: \"1.5\" is no integer" },
        { "{\"int32Value\":2147483648}", "int32Value: \"2147483648\" does not fit into 32 bits" },
        { "{\"uint64Value\":-1}", "uint64Value: \"-1\" does not fit into 64 bits without a sign" },
        { "{\"int32Value\":true}", "int32Value: a number is wanted here, not true or false" },
        { "{\"doubleValue\":1e400}", "doubleValue: \"1e400\" is too large" },
        { "{\"doubleValue\":\"x\"}", "doubleValue: \"x\" is no number" },
        { "{\"boolValue\":\"true\"}", "boolValue: true or false is wanted here, not a text" },
        { "{\"stringValue\":{}}", "stringValue: a text is wanted here, not an object" },
        { "{\"bytesValue\":\"A\"}", "bytesValue: \"A\" is no base64" },
        { "{\"color\":\"GREEN\"}", "color: \"GREEN\" is no value of the enum" },
        { "{\"int32s\":[1,null]}", "int32s[1]: null is no item of a list" },
        { "{\"int32s\":1}", "int32s: a list is wanted here, not a number" },
        { "{\"textMap\":{\"a\":null}}", "textMap[\"a\"]: null is no value of a map" },
        { "{\"textMap\":{\"a\":\"\",\"b\":\"\",\"a\":\"\"}}",
          "textMap: the key \"a\" comes twice" },
        { "{\"innerMap\":{\"x\":{}}}", "innerMap: \"x\" is no integer" },
        { "{\"innerMap\":{\"1\":{\"number\":\"x\"}}}",
          "innerMap[\"1\"].number: \"x\" is no integer" },
        { "{\"colorMap\":{\"1\":0}}", "colorMap: \"1\" is neither true nor false" },
        { "{\"int32Value\":1,\"int32_value\":1}", "int32_value: the key comes twice" },
        { "{\"oneNumber\":1,\"oneText\":\"\"}", "oneText: another field of the same oneof is set" },
        { "{\"struct\":{\"a\":[1,{\"b\":1e999}]}}",
          "struct[\"a\"][1][\"b\"]: \"1e999\" is too large" },
        { "{\"struct\":{\"a\":1,\"a\":2}}", "struct: the key \"a\" comes twice" },
        { "{\"any\":{\"number\":1}}", "any: \"@type\" is missing" },
        { "{\"any\":{\"@type\":\"a/b.C\"}}",
          "any: nothing describes the type of the Any, \"a/b.C\"" },
        { "{\"any\":{\"@type\":\"every.Every.Inner\",\"number\":\"x\"}}",
          "any.number: \"x\" is no integer" },
        { "{\"any\":{\"@type\":\"google.protobuf.Duration\"}}", "any: \"value\" is missing" },
        { "{\"any\":{\"@type\":\"google.protobuf.Duration\",\"value\":\"1\"}}",
          "any.value: \"1\" is no duration" },
        { "{\"empty\":{\"a\":1}}", "empty: google.protobuf.Empty has no field \"a\"" },
        { "{\"\\u0007\\ud83d\\ude00\":1}", "every.Every has no field \"?????\"" },
        { "{\"a text that is so long that it has to be cut somewhere\":1}",
          "every.Every has no field \"a text that is so long that it has to be c...\"" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        cr_expect_eq(parse("every.Every", rows[i].json, NULL), EINVAL, "%s", rows[i].json);
        cr_expect_str_eq(why, rows[i].why, "%s: %s", rows[i].json, why);
        cr_expect_eq(out->len, 0);
    }
}

Test(parse, refuses_what_proto2_has)
{
    cr_assert_eq(parse("every.Legacy", "{\"old\":{}}", NULL), EINVAL);
    cr_assert_str_eq(why, "old: is a group of proto2, which is not supported");
    cr_assert_eq(parse("every.Legacy", "{\"closed\":9}", NULL), EINVAL);
    cr_assert_str_eq(why, "closed: \"9\" is no value of the enum");
    cr_assert_eq(parse("every.Legacy", "{\"closed\":2,\"withDefault\":0}", NULL), 0);
    cr_assert(bytes_equal(buf_bytes(out), TEXT("\x18\x02\x10\x00")));
}

Test(parse, ignores_what_is_unknown_if_asked_to)
{
    const struct pbjson_parse o = { .ignore_unknown = true };
    cr_assert_eq(parse("every.Every",
                       "{\"x\":[{\"a\":[1,\"b\",null,true]},{}],\"int32Value\":1,\"y\":-1e5,"
                       "\"empty\":{\"z\":0}}",
                       &o),
                 0, "%s", why);
    cr_assert(bytes_equal(buf_bytes(out), TEXT("\x18\x01\xf2\x04\x00")));
    cr_assert_eq(parse("every.Every", "{\"x\":[1,]}", &o), EINVAL);
    cr_assert_str_eq(why, "line 1, column 9: a value is missing");
}

Test(parse, takes_one_value_after_another)
{
    const struct pb_message *type = pb_find_message(pool, TEXT("every.Every"));
    struct bytes rest = TEXT(" {\"int32Value\":1}\n{\"int32Value\":2}{} {\"x\"");
    for (uint8_t i = 1; i <= 2; i++) {
        out->len = 0;
        cr_assert_eq(pbjson_parse(out, pool, type, &rest, NULL, why), 0);
        cr_assert_eq(out->data[1], i);
    }
    out->len = 0;
    cr_assert_eq(pbjson_parse(out, pool, type, &rest, NULL, why), 0);
    cr_assert_eq(out->len, 0);
    cr_assert_eq(pbjson_parse(out, pool, type, &rest, NULL, why), EINVAL);
    cr_assert(bytes_equal(rest, TEXT("{\"x\"")));
}

/* --- Limits ------------------------------------------------------------------------- */

static char *repeated(const char *text, size_t n, const char *more, const char *close)
{
    char *all = malloc(n * (strlen(text) + strlen(close)) + strlen(more) + 1), *to = all;
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, text);
    to = stpcpy(to, more);
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, close);
    return all;
}

Test(parse, goes_only_so_deep)
{
    static const struct {
        const char *type, *open, *close;
    } rows[] = {
        { "google.protobuf.Value", "[", "]" },
        { "google.protobuf.Struct", "{\"a\":", "}" },
        { "every.Every.Inner", "{\"every\":{\"inner\":", "}}" },
        { "google.protobuf.Any", "{\"@type\":\"google.protobuf.Any\",\"value\":", "}" },
        { "every.Every", "{\"unknown\":", "}" },
    };
    const struct pbjson_parse o = { .ignore_unknown = true };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char *fine = repeated(rows[i].open, 49, "{}", rows[i].close);
        char *deep = repeated(rows[i].open, 5000, "{}", rows[i].close);
        cr_expect_eq(parse(rows[i].type, fine, &o), 0, "%s: %s", rows[i].type, why);
        cr_expect_eq(parse(rows[i].type, deep, &o), EINVAL);
        cr_expect(strstr(why, "too deep in one another") != NULL, "%s: %s", rows[i].type, why);
        free(fine);
        free(deep);
    }
    cr_assert_eq(parse("every.Every", "{\"inner\":{}}", &(struct pbjson_parse){ .max_depth = 1 }),
                 EINVAL);
    cr_assert_str_eq(why, "inner: objects and lists too deep in one another");
}

Test(parse, keeps_to_a_size)
{
    const char *json = "{\"textMap\":{\"a\":\"b\"},\"int32s\":[1,300],\"timestamp\":"
                       "\"2020-01-01T00:00:00Z\",\"value\":{\"x\":[1]}}";
    cr_assert_eq(parse("every.Every", json, NULL), 0);
    const size_t whole = out->len;
    for (size_t max = 1; max < whole; max++) {
        const struct pbjson_parse o = { .max_bytes = max };
        cr_assert_eq(parse("every.Every", json, &o), EMSGSIZE, "%zu of %zu", max, whole);
        cr_assert_str_eq(why, "the message is too large");
        cr_assert_eq(out->len, 0);
    }
    const struct pbjson_parse o = { .max_bytes = whole };
    cr_assert_eq(parse("every.Every", json, &o), 0);
}

Test(parse, keeps_to_its_memory)
{
    char *escaped = repeated("", 1, "{\"stringValue\":\"\\n", "");
    char *json = repeated("x", 5000, "\"}", "");
    char *whole = malloc(strlen(escaped) + strlen(json) + 1);
    stpcpy(stpcpy(whole, escaped), json);
    const struct pbjson_parse o = { .scratch_bytes = 4096 };
    cr_assert_eq(parse("every.Every", whole, &o), EMSGSIZE);
    cr_assert_eq(parse("every.Every", whole, NULL), 0);
    cr_assert_eq(out->len, 5000 + 1 + 3);
    free(escaped);
    free(json);
    free(whole);
}

Test(parse, survives_each_failed_allocation)
{
    char *items = repeated("\"\\u0061\",", 400, "\"\"", "");
    char *json = malloc(strlen(items) + 200);
    sprintf(json, "{\"strings\":[%s],\"textMap\":{\"\\u0061\":\"b\",\"c\":\"d\"}}", items);
    const struct pb_message *type = pb_find_message(pool, TEXT("every.Every"));
    const struct pbjson_parse o = { 0 };
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        struct bytes text = bytes_of_text(json);
        heap_watch();
        struct buf *to = buf_new(16);
        heap_fail_at(nth);
        const int rv = pbjson_parse(to, pool, type, &text, &o, why);
        failed = heap_failed();
        heap_fail_at(0);
        cr_assert_eq(rv, failed ? ENOMEM : 0);
        buf_unref(to);
        cr_assert_eq(heap_live(), 0);
    }
    free(items);
    free(json);
}
