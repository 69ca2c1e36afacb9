#include <criterion/criterion.h>

#include "v1/post/post.pb-c.h"
#include "weir/rules.h"

typedef V1__Post__ListPostsByUserIdRequest request;

static const struct field_rule fields[] = {
    { 2, RULE_NOT_NEGATIVE, 0, 0 },
    { 4, RULE_NOT_NEGATIVE, 0, 0 },
    { 1, RULE_LENGTH, 1, 3 },
    { 5, RULE_LENGTH, 0, 2 },
};

static const struct message_rules rules = {
    &v1__post__list_posts_by_user_id_request__descriptor,
    fields,
    sizeof fields / sizeof *fields,
};

static struct status g_why;

static bool check(request m)
{
    uint8_t bytes[256];
    return rules_check(&rules, bytes_of(bytes, protobuf_c_message_pack(&m.base, bytes)), &g_why);
}

#define REQUEST(...)                                                                               \
    (request)                                                                                      \
    {                                                                                              \
        PROTOBUF_C_MESSAGE_INIT(&v1__post__list_posts_by_user_id_request__descriptor),             \
            .user_id = "u", .page_token = "", .tag = "", __VA_ARGS__                               \
    }

#pragma GCC diagnostic ignored "-Woverride-init"

static void expect(request m, const char *field, const char *reason, const char *message)
{
    cr_assert_not(check(m));
    cr_assert_eq(g_why.code, STATUS_INVALID_ARGUMENT);
    cr_assert_str_eq(g_why.field, field);
    cr_assert_str_eq(g_why.reason, reason);
    cr_assert_str_eq(g_why.message, message);
}

Test(rules, hold)
{
    cr_assert(check(REQUEST()));
    cr_assert(check(REQUEST(.user_id = "abc", .tag = "ab", .page_size = INT32_MAX)));
    cr_assert(check(REQUEST(.limit = INT64_MAX)));
}

Test(rules, are_broken)
{
    expect(REQUEST(.page_size = -5), "page_size", "FIELD_NEGATIVE", "page_size is negative: -5");
    expect(REQUEST(.limit = INT64_MIN), "limit", "FIELD_NEGATIVE",
           "limit is negative: -9223372036854775808");
    expect(REQUEST(.user_id = ""), "user_id", "FIELD_EMPTY", "user_id is empty");
    expect(REQUEST(.user_id = "abcd"), "user_id", "FIELD_TOO_LONG",
           "user_id has 4 bytes, and at most 3 are allowed");
    expect(REQUEST(.page_token = "\xff"), "page_token", "FIELD_NOT_TEXT",
           "page_token is not valid text: UTF-8 without NUL");
    /* In the order of the table. */
    expect(REQUEST(.user_id = "", .page_size = -1), "page_size", "FIELD_NEGATIVE",
           "page_size is negative: -1");
}

static bool check_bytes(const char *bytes, size_t len)
{
    return rules_check(&rules, bytes_of(bytes, len), &g_why);
}

/* As protobuf reads it. */
Test(rules, are_about_what_is_decoded)
{
    /* user_id twice: the last one counts */
    cr_assert(check_bytes("\x0a\x04"
                          "abcd"
                          "\x0a\x01"
                          "u",
                          9));
    cr_assert_not(check_bytes("\x0a\x01"
                              "u"
                              "\x0a\x04"
                              "abcd",
                              9));
    /* page_size -1 as five bytes, which other encoders may write */
    cr_assert_not(check_bytes("\x0a\x01u\x10\xff\xff\xff\xff\x0f", 9));
    /* the same of limit is 4294967295 */
    cr_assert(check_bytes("\x0a\x01u\x20\xff\xff\xff\xff\x0f", 9));
}

/* The last one is decoded by protobuf-c: a field number 0, and behind it a user
 * that is not UTF-8. */
Test(rules, what_is_no_message_is_refused)
{
    cr_assert_not(check_bytes("\x0a\x01u\xff", 4));
    cr_assert_not(check_bytes("\xff", 1));
    cr_assert_not(check_bytes("\x80\x00\x00\x0a\x02\xc3\x28", 7));
    cr_assert_eq(g_why.code, STATUS_INVALID_ARGUMENT);
    cr_assert_str_eq(g_why.reason, "INVALID_MESSAGE");
}

/* protobuf-c decodes no message in which a field it knows is of another type. */
Test(rules, a_field_of_another_type_is_no_message)
{
    struct said said[RULES_MAX];
    const char number_as_text[] = "\x0a\x01u\x12\x01x", text_as_number[] = "\x08\x01";
    cr_assert_eq(rules_read(&rules, bytes_of(number_as_text, 6), said, &g_why), RULES_NO_MESSAGE);
    cr_assert_eq(rules_read(&rules, bytes_of(text_as_number, 2), said, &g_why), RULES_NO_MESSAGE);
    cr_assert_str_eq(g_why.message, "the bytes are not a valid v1.post.ListPostsByUserIdRequest");
}

Test(rules, tell_what_is_said)
{
    uint8_t bytes[256];
    struct said said[RULES_MAX];
    const request m = REQUEST(.user_id = "ab", .limit = INT64_MAX, .tag = "t", .page_size = -1);
    const struct bytes all = bytes_of(bytes, protobuf_c_message_pack(&m.base, bytes));
    cr_assert_eq(rules_read(&rules, all, said, &g_why), RULES_BROKEN);
    cr_assert_eq((int32_t)said[0].number, -1, "what was heard of it");
    cr_assert_eq(said[1].number, INT64_MAX);
    cr_assert(bytes_equal(said[2].text, bytes_of_text("ab")));
    cr_assert(bytes_equal(said[3].text, bytes_of_text("t")));
    cr_assert_eq(rules_read(&rules, bytes_of("\x0a\x01u", 3), said, &g_why), RULES_KEPT);
    cr_assert_eq(said[1].number, 0, "nothing is left of another message");
    cr_assert_eq(said[3].text.len, 0);
}
