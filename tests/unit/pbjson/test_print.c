/* Messages on the wire as JSON. What a table here does not have, tests/e2e/test_pbjson.py
 * compares with protobuf's own. */
#include <criterion/criterion.h>
#include <errno.h>

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

TestSuite(print, .init = set_up, .fini = tear_down);

static int print(const char *type, struct bytes message, const struct pbjson_print *o)
{
    out->len = 0;
    why[0] = '\0';
    return pbjson_print(out, pool, pb_find_message(pool, bytes_of_text(type)), message, o, why);
}

static void expect(struct bytes message, const struct pbjson_print *o, const char *json)
{
    cr_expect_eq(print("every.Every", message, o), 0, "%s", why);
    cr_expect(bytes_equal(buf_bytes(out), bytes_of_text(json)), "%.*s\n%s", (int)out->len,
              (const char *)out->data, json);
}

/* int32_value = 3, int64_value = 4, color = 16, inner = 17 { text = 2 }, maybe_int32 = 51 */
#define SOME                                                                                       \
    TEXT("\x18\x05\x20\x06\x80\x01\x02\x8a\x01\x04\x12\x02hi\x9a\x03\x00"                          \
         "\xca\x02\x04\x0a\x00\x12\x00")

Test(print, has_options)
{
    expect(SOME, NULL,
           "{\"int32Value\":5,\"int64Value\":\"6\",\"color\":\"COLOR_BLUE\",\"inner\":{"
           "\"text\":\"hi\"},\"textMap\":{\"\":\"\"}}");
    expect(SOME, &(struct pbjson_print){ .proto_names = true, .numbers64 = true },
           "{\"int32_value\":5,\"int64_value\":6,\"color\":\"COLOR_BLUE\",\"inner\":{"
           "\"text\":\"hi\"},\"text_map\":{\"\":\"\"}}");
    expect(SOME, &(struct pbjson_print){ .enum_numbers = true, .indent = 2 },
           "{\n  \"int32Value\": 5,\n  \"int64Value\": \"6\",\n  \"color\": 2,\n  \"inner\": {\n"
           "    \"text\": \"hi\"\n  },\n  \"textMap\": {\n    \"\": \"\"\n  }\n}");
    expect(TEXT(""), &(struct pbjson_print){ .indent = 4 }, "{}");
}

Test(print, has_defaults_of_what_has_no_presence)
{
    const struct pbjson_print o = { .defaults = true };
    cr_assert_eq(print("every.Every.Inner", TEXT("\x10\x02"), &o), 0);
    cr_assert(bytes_equal(buf_bytes(out), TEXT("{\"number\":0,\"text\":\"\",\"list\":[]}")));
    cr_assert_eq(print("every.Legacy", TEXT(""), &o), 0);
    cr_assert(bytes_equal(buf_bytes(out),
                          TEXT("{\"closeds\":[],\"closedMap\":{},\"packed\":[],\"unpacked\":[]}")));
}

Test(print, reads_fields_as_protobuf_does)
{
    static const struct {
        const char *what, *bytes;
        size_t len;
        const char *json;
    } rows[] = {
#define ROW(what, bytes, json) { what, bytes, sizeof(bytes) - 1, json }
        ROW("the last one wins", "\x18\x05\x18\x06", "{\"int32Value\":6}"),
        ROW("zero is the default", "\x18\x05\x18\x00", "{}"),
        ROW("zero of what has presence", "\x98\x03\x00", "{\"maybeInt32\":0}"),
        ROW("a negative int32 has ten bytes", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "{\"int32Value\":-1}"),
        ROW("five are enough", "\x18\xff\xff\xff\xff\x0f", "{\"int32Value\":-1}"),
        ROW("merged",
            "\x8a\x01\x02\x08\x01\x8a\x01\x03\x12\x01"
            "a\x8a\x01\x02\x08\x02",
            "{\"inner\":{\"number\":2,\"text\":\"a\"}}"),
        ROW("packed and not", "\xba\x01\x02\x01\x02\xb8\x01\x03\xba\x01\x00",
            "{\"int32s\":[1,2,3]}"),
        ROW("packed where it is not declared", "\xb2\x02\x02\x01\x02", "{\"unpacked\":[1,2]}"),
        ROW("an empty list", "\xba\x01\x00", "{}"),
        ROW("apart", "\xb8\x01\x01\x18\x05\xb8\x01\x02", "{\"int32Value\":5,\"int32s\":[1,2]}"),
        ROW("unknown", "\xf8\x7f\x01\x18\x05", "{\"int32Value\":5}"),
        ROW("of another type", "\x1a\x01x\x18\x05", "{\"int32Value\":5}"),
        ROW("the last of a oneof", "\xe8\x03\x01\xf2\x03\x01x", "{\"oneText\":\"x\"}"),
        ROW("and again", "\xf2\x03\x01x\xe8\x03\x00", "{\"oneNumber\":0}"),
        ROW("not merged over another", "\xfa\x03\x02\x08\x01\xe8\x03\x01\xfa\x03\x02\x12\x00",
            "{\"oneInner\":{}}"),
        ROW("an unknown number", "\x80\x01\x4d", "{\"color\":77}"),
        ROW("one key twice",
            "\xca\x02\x06\x0a\x01"
            "a\x12\x01x\xca\x02\x03\x0a\x01"
            "b\xca\x02\x06\x0a\x01"
            "a\x12\x01y",
            "{\"textMap\":{\"b\":\"\",\"a\":\"y\"}}"),
        ROW("the value before its key", "\xd2\x02\x06\x12\x02\x08\x05\x08\x01",
            "{\"innerMap\":{\"1\":{\"number\":5}}}"),
        ROW("a value in pieces", "\xd2\x02\x0b\x12\x02\x08\x05\x08\x01\x12\x03\x12\x01x",
            "{\"innerMap\":{\"1\":{\"number\":5,\"text\":\"x\"}}}"),
        ROW("a Value without a kind", "\xda\x04\x00", "{\"value\":null}"),
        ROW("an Any of nothing", "\xea\x04\x00", "{\"any\":{}}"),
        ROW("an Any of Empty", "\xea\x04\x19\x0a\x17x/google.protobuf.Empty",
            "{\"any\":{\"@type\":\"x/google.protobuf.Empty\"}}"),
#undef ROW
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        cr_expect_eq(print("every.Every", bytes_of(rows[i].bytes, rows[i].len), NULL), 0, "%s: %s",
                     rows[i].what, why);
        cr_expect(bytes_equal(buf_bytes(out), bytes_of_text(rows[i].json)), "%s: %.*s",
                  rows[i].what, (int)out->len, (const char *)out->data);
    }
}

/* closed = 3, closeds = 4, closed_map = 5 */
Test(print, drops_numbers_that_a_closed_enum_does_not_have)
{
    cr_assert_eq(print("every.Legacy",
                       TEXT("\x18\x01\x18\x09\x22\x02\x09\x02\x20\x09\x2a\x05\x0a\x01"
                            "a\x10\x09\x2a\x05\x0a\x01"
                            "b\x10\x02"),
                       NULL),
                 0);
    cr_assert(
        bytes_equal(buf_bytes(out), TEXT("{\"closed\":\"CLOSED_ONE\",\"closeds\":[\"CLOSED_TWO\"],"
                                         "\"closedMap\":{\"b\":\"CLOSED_TWO\"}}")),
        "%.*s", (int)out->len, (const char *)out->data);
    cr_assert_eq(print("every.Legacy", TEXT("\x18\x09\x22\x01\x09\x2a\x04\x0a\x00\x10\x09"), NULL),
                 0);
    cr_assert(bytes_equal(buf_bytes(out), TEXT("{}")));
}

Test(print, null_is_null_whatever_form_enums_have)
{
    const struct pbjson_print o = { .enum_numbers = true };
    expect(TEXT("\x82\x06\x01\x00"), &o, "{\"nullValues\":[null]}");
}

Test(print, escapes)
{
    expect(TEXT("\x72\x10\"\\\n\x01\x7f\xc2\x85\xc2\xa0\xe2\x82\xac\xf0\x9f\x98\x80"), NULL,
           "{\"stringValue\":\"\\\"\\\\\\n\\u0001\\u007f\\u0085\xc2\xa0\xe2\x82\xac\xf0\x9f\x98\x80"
           "\"}");
}

Test(print, says_where_and_why_not)
{
    static const struct {
        const char *type, *bytes;
        size_t len;
        const char *why;
    } rows[] = {
#define ROW(type, bytes, why) { "every." type, bytes, sizeof(bytes) - 1, why }
        ROW("Every", "\x08", "the message is damaged"),
        ROW("Every", "\x72\x01\xff", "string_value: the text is not UTF-8"),
        ROW("Every", "\x92\x02\x00\x92\x02\x01\xff", "strings[1]: the text is not UTF-8"),
        ROW("Every", "\xaa\x02\x05\x1a\x03\x72\x01\xff",
            "inners[0].every.string_value: the text "
            "is not UTF-8"),
        ROW("Every", "\xaa\x02\x01\x08", "inners[0]: the message is damaged"),
        ROW("Every", "\xca\x02\x03\x0a\x01\xff", "text_map: the text of a key is not UTF-8"),
        ROW("Every", "\xca\x02\x06\x0a\x01k\x12\x01\xff", "text_map[\"k\"]: the text is not UTF-8"),
        ROW("Every", "\xd2\x02\x06\x08\x07\x12\x02\x12\x05",
            "inner_map[\"7\"]: the message is "
            "damaged"),
        ROW("Every", "\xca\x02\x01\x0a", "text_map: the message is damaged"),
        ROW("Every", "\xba\x01\x01\x80", "int32s: the list is damaged"),
        ROW("Every",
            "\xaa\x01\x04"
            "1234",
            "doubles: the list is damaged"),
        ROW("Every", "\xba\x04\x02\x10\xff", "timestamp: the message is damaged"),
        ROW("Every", "\xba\x04\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "timestamp: the time is not within the years 1 to 9999"),
        ROW("Every", "\xc2\x04\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "duration: the duration is out of range"),
        ROW("Every",
            "\xca\x04\x04\x0a\x02"
            "aB",
            "field_mask: JSON cannot say the path \"aB\" of a field mask"),
        ROW("Every", "\xca\x04\x04\x0a\x02_1",
            "field_mask: JSON cannot say the path \"_1\" of a field mask"),
        ROW("Every", "\xda\x04\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x7f",
            "value: JSON has no number that is infinite, or none"),
        ROW("Every", "\xd2\x04\x0d\x0a\x0b\x0a\x01k\x12\x06\x32\x04\x0a\x02\x1a\x05",
            "struct[\"k\"][0]: the message is damaged"),
        ROW("Every", "\xea\x04\x05\x0a\x03x/y",
            "any: nothing describes the type of the Any, \"x/y\""),
        ROW("Every", "\xea\x04\x03\x12\x01x", "any: nothing describes the type of the Any, \"\""),
        ROW("Legacy", "\x43\x08\x01\x44", "has a group of proto2, which is not supported"),
        ROW("Every", "\x1b\x1c", "has a group of proto2, which is not supported"),
#undef ROW
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        cr_expect_eq(print(rows[i].type, bytes_of(rows[i].bytes, rows[i].len), NULL), EINVAL,
                     "row %zu", i);
        cr_expect_str_eq(why, rows[i].why, "row %zu: %s", i, why);
        cr_expect_eq(out->len, 0, "row %zu", i);
    }
}

Test(print, refuses_types_that_nothing_describes)
{
    struct wire_field f;
    struct bytes rest = every_type();
    struct pb_pool *some = pb_pool_new((size_t)4 << 20);
    while (wire_next(&rest, &f))
        if (bytes_equal(wire_find(f.bytes, 1), TEXT("every_legacy.proto")))
            cr_assert_eq(pb_pool_add_file(some, f.bytes), 0);
    const struct pb_message *type = pb_find_message(some, TEXT("every.Legacy"));
    cr_assert_eq(pbjson_print(out, some, type, TEXT("\x4a\x00"), NULL, why), EINVAL);
    cr_assert_str_eq(why, "every: nothing describes the type every.Every");
    pb_pool_free(some);
}

/* --- Limits ------------------------------------------------------------------------- */

/* @n messages in one another: every.Every and its inner in turn. */
static struct buf *nested(int n)
{
    struct buf *in = buf_new(16), *more = buf_new(16);
    for (int i = 1; i < n; i++) {
        more->len = 0;
        wire_append_bytes(more, (n - i) % 2 == 0 ? 3 : 17, buf_bytes(in));
        struct buf *swap = in;
        in = more;
        more = swap;
    }
    buf_unref(more);
    return in;
}

Test(print, goes_only_so_deep)
{
    struct buf *deep = nested(100), *deeper = nested(101);
    cr_assert_eq(print("every.Every", buf_bytes(deep), NULL), 0, "%s", why);
    cr_assert_eq(print("every.Every", buf_bytes(deeper), NULL), EINVAL);
    cr_assert(strstr(why, ": messages too deep in one another") != NULL, "%s", why);
    const struct pbjson_print o = { .max_depth = 2 };
    cr_assert_eq(print("every.Every", TEXT("\x8a\x01\x00"), &o), 0);
    cr_assert_eq(print("every.Every", TEXT("\x8a\x01\x02\x1a\x00"), &o), EINVAL);
    cr_assert_str_eq(why, "inner.every: messages too deep in one another");
    buf_unref(deep);
    buf_unref(deeper);
}

/* A Value in a list in a Value, and so on: 10,000 of them. */
Test(print, goes_only_so_deep_into_values)
{
    struct buf *in = buf_new(16), *more = buf_new(16);
    for (int i = 0; i < 10000; i++) {
        more->len = 0;
        wire_append_bytes(more, i % 2 == 0 ? 1 : 6, buf_bytes(in));
        struct buf *swap = in;
        in = more;
        more = swap;
    }
    cr_assert_eq(print("google.protobuf.Value", buf_bytes(in), NULL), EINVAL);
    cr_assert(strstr(why, "too deep") != NULL, "%s", why);
    buf_unref(in);
    buf_unref(more);
}

Test(print, keeps_to_a_size)
{
    cr_assert_eq(print("every.Every", SOME, NULL), 0);
    const size_t whole = out->len;
    for (size_t max = 1; max < whole; max++) {
        cr_assert_eq(print("every.Every", SOME, &(struct pbjson_print){ .max_bytes = max }),
                     EMSGSIZE);
        cr_assert_str_eq(why, "the message is too large");
        cr_assert_eq(out->len, 0);
    }
    cr_assert_eq(print("every.Every", SOME, &(struct pbjson_print){ .max_bytes = whole }), 0);
}

/* Two lists whose items alternate: each is a run of its own. */
Test(print, keeps_to_its_memory)
{
    struct buf *b = buf_new(16);
    for (int i = 0; i < 1000; i++) {
        wire_append_varint(b, 23, 1);
        wire_append_varint(b, 38, 2);
    }
    const struct pbjson_print little = { .scratch_bytes = 4096 };
    cr_assert_eq(print("every.Every", buf_bytes(b), NULL), 0);
    cr_assert_eq(out->len, sizeof "{\"int32s\":[],\"unpacked\":[]}" - 1 + 2 * 1999);
    cr_assert_eq(print("every.Every", buf_bytes(b), &little), EMSGSIZE);
    buf_unref(b);
}

Test(print, does_not_move_what_is_sent)
{
    struct buf *small = buf_new(4), *other = buf_ref(small);
    const struct pb_message *type = pb_find_message(pool, TEXT("every.Every"));
    cr_assert_eq(pbjson_print(small, pool, type, SOME, NULL, why), ENOMEM);
    cr_assert_str_eq(why, "out of memory");
    cr_assert_eq(small->len, 0);
    buf_unref(small);
    buf_unref(other);
}

Test(print, survives_each_failed_allocation)
{
    struct buf *b = buf_new(16);
    for (int i = 0; i < 500; i++) {
        wire_append_varint(b, 23, 1);
        wire_append_bytes(b, 41, TEXT("\x0a\x01x"));
    }
    const struct pb_message *type = pb_find_message(pool, TEXT("every.Every"));
    bool failed = true;
    for (unsigned nth = 1; failed; nth++) {
        heap_watch();
        struct buf *to = buf_new(16);
        heap_fail_at(nth);
        const int rv = pbjson_print(to, pool, type, buf_bytes(b), NULL, why);
        failed = heap_failed();
        heap_fail_at(0);
        cr_assert_eq(rv, failed ? ENOMEM : 0);
        buf_unref(to);
        cr_assert_eq(heap_live(), 0);
    }
    buf_unref(b);
}
