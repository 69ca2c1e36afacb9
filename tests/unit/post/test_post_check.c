#include <criterion/criterion.h>
#include <stdlib.h>

#include "post/post_check.h"
#include "v1/post/post.pb-c.h"

static V1__Post__PostMessage post;
static Google__Protobuf__Timestamp create_time;
static struct write_record record;
static struct status why;

static void init(void)
{
    v1__post__post_message__init(&post);
    google__protobuf__timestamp__init(&create_time);
    post.post_id = "1";
    post.user_id = "u";
}

TestSuite(post_check, .init = init);

static void assert_rejected(const char *text)
{
    cr_assert_not(post_check(&post.base, &record, &why));
    cr_assert_eq(why.code, STATUS_INVALID_ARGUMENT);
    cr_assert_neq(strstr(why.message, text), NULL, "%s", why.message);
}

Test(post_check, takes_the_author_out)
{
    post.author = "Henry";
    cr_assert(post_check(&post.base, &record, &why));
    cr_assert_str_empty(post.author);
    cr_assert(bytes_equal(record.id, bytes_of_text("1")));
    cr_assert(bytes_equal(record.group, bytes_of_text("u")));
}

Test(post_check, ids)
{
    char id[STORE_ID_MAX + 2] = "";
    memset(id, 'i', STORE_ID_MAX);
    post.post_id = post.user_id = id;
    cr_assert(post_check(&post.base, &record, &why));
    id[STORE_ID_MAX] = 'i';
    assert_rejected("post_id has 257 bytes");
    post.post_id = "1";
    assert_rejected("user_id has 257 bytes");
    post.user_id = "";
    assert_rejected("user_id is empty");
    post.post_id = "";
    assert_rejected("post_id is empty");
}

Test(post_check, times)
{
    const struct {
        int64_t seconds;
        int32_t nanos;
        bool good;
    } rows[] = {
        { 0, 0, true },
        { INT64_C(-62135596800), 0, true },
        { INT64_C(-62135596801), 999999999, false },
        { INT64_C(253402300799), 999999999, true },
        { INT64_C(253402300800), 0, false },
        { 0, -1, false },
        { 0, 1000000000, false },
        { INT64_MIN, 0, false },
        { INT64_MAX, 0, false },
    };
    post.create_time = &create_time;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        create_time.seconds = rows[i].seconds;
        create_time.nanos = rows[i].nanos;
        cr_expect_eq(post_check(&post.base, &record, &why), rows[i].good, "row %zu", i);
    }
}

Test(post_check, size_without_the_author)
{
    char *body = malloc(POST_MAX_BYTES + 1);
    memset(body, 'b', POST_MAX_BYTES);
    body[POST_MAX_BYTES] = '\0';
    post.body = body;
    assert_rejected("1048576 are allowed");
    size_t over = protobuf_c_message_get_packed_size(&post.base) - POST_MAX_BYTES;
    body[POST_MAX_BYTES - over] = '\0';
    post.author = "a name that does not count";
    cr_assert(post_check(&post.base, &record, &why), "%s", why.message);
    body[POST_MAX_BYTES - over] = 'b';
    body[POST_MAX_BYTES - over + 1] = '\0';
    assert_rejected("1048577 bytes");
    free(body);
}
