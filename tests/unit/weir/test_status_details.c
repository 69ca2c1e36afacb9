#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "base/utf8.h"
#include "google/rpc/status.pb-c.h"
#include "weir/status_details.h"

#define PATH "/v1.post.Post/ListPosts"

static struct status busy(void)
{
    struct status s = status_of(STATUS_RESOURCE_EXHAUSTED, "too many calls");
    s.retry_after_ms = 2345;
    return *status_because(&s, "TOO_MANY_CALLS");
}

/* There and back. */
static struct status travelled(const struct status *s)
{
    uint8_t bytes[STATUS_DETAILS_MAX];
    const size_t len = status_details_pack(s, PATH, bytes);
    struct status got = status_of(s->code, "%s", s->message);
    status_details_unpack(bytes_of(bytes, len), &got);
    return got;
}

Test(status_details, arrive)
{
    const struct status late = busy();
    const struct status wrong = status_invalid("page_token", "INVALID_PAGE_TOKEN", "damaged");
    struct status got = travelled(&late);
    cr_assert_str_eq(got.reason, "TOO_MANY_CALLS");
    cr_assert_str_empty(got.field);
    cr_assert_eq(got.retry_after_ms, 2345);
    got = travelled(&wrong);
    cr_assert_str_eq(got.reason, "INVALID_PAGE_TOKEN");
    cr_assert_str_eq(got.field, "page_token");
    cr_assert_eq(got.retry_after_ms, 0);
}

/* Every error has a reason. */
Test(status_details, the_code_is_the_reason_where_there_is_no_other)
{
    const struct status s = status_of(STATUS_NOT_FOUND, "no");
    cr_assert_str_eq(travelled(&s).reason, "NOT_FOUND");
}

static Google__Rpc__Status *unpacked(const struct status *s, const char *path)
{
    uint8_t bytes[STATUS_DETAILS_MAX];
    const size_t len = status_details_pack(s, path, bytes);
    Google__Rpc__Status *all = google__rpc__status__unpack(NULL, len, bytes);
    cr_assert_not_null(all);
    return all;
}

/* A text of the most bytes, whose last character was cut in half; and a path
 * that a client made up. */
Test(status_details, whatever_the_texts_are_the_bytes_are_a_message)
{
    char text[2 * STATUS_MESSAGE_MAX];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 3);
    struct status s = status_invalid("f", "R", "%s", text);
    cr_assert_eq(strlen(s.message), STATUS_MESSAGE_MAX - 1);
    Google__Rpc__Status *all = unpacked(&s, PATH);
    cr_assert(utf8_valid(bytes_of_text(all->message)));
    cr_assert_eq(strlen(all->message), STATUS_MESSAGE_MAX - 1);
    google__rpc__status__free_unpacked(all, NULL);

    const char *const paths[] = { "", "/", "//", "x", "/\xff\xfe/x", text };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        s = status_of(STATUS_UNIMPLEMENTED, "no %s", paths[i]);
        all = unpacked(&s, paths[i]);
        cr_assert(utf8_valid(bytes_of_text(all->message)));
        google__rpc__status__free_unpacked(all, NULL);
    }
}

/* --- From a peer that means harm ---------------------------------------------------- */

static void check_harmless(const uint8_t *bytes, size_t len)
{
    struct status got = status_of(STATUS_RESOURCE_EXHAUSTED, "no");
    status_details_unpack(bytes_of(bytes, len), &got);
    cr_assert_lt(strlen(got.reason), sizeof got.reason);
    cr_assert_lt(strlen(got.field), sizeof got.field);
    for (const char *c = got.reason; *c != '\0'; c++)
        cr_assert(isupper(*c) || isdigit(*c) || *c == '_');
    cr_assert_str_eq(got.message, "no");
}

Test(status_details, every_byte_may_be_another_one)
{
    uint8_t bytes[STATUS_DETAILS_MAX], bad[STATUS_DETAILS_MAX];
    struct status s = busy();
    status_blame(&s, "page_size", "TOO_MANY_CALLS");
    const size_t len = status_details_pack(&s, PATH, bytes);
    for (size_t cut = 0; cut <= len; cut++)
        check_harmless(bytes, cut);
    for (size_t i = 0; i < len; i++)
        for (int value = 0; value < 256; value++) {
            memcpy(bad, bytes, len);
            bad[i] = (uint8_t)value;
            check_harmless(bad, len);
        }
}

Test(status_details, what_does_not_belong_there_is_left_out)
{
    struct status s = busy();
    status_blame(&s, "\x1b[31m", "not a reason");
    struct status got = travelled(&s);
    cr_assert_str_empty(got.reason);
    cr_assert_str_empty(got.field);
    cr_assert_eq(got.retry_after_ms, 2345);

    uint8_t bytes[STATUS_DETAILS_MAX];
    const struct status fine = busy();
    const size_t len = status_details_pack(&fine, PATH, bytes);
    struct status other = status_of(STATUS_ABORTED, "another code");
    status_details_unpack(bytes_of(bytes, len), &other);
    cr_assert_str_empty(other.reason);
}
