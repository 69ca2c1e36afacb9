/* The small pure parts of postcli: progress, backoff, record lines. */
#include <criterion/criterion.h>

#include "client-cli/commands/backoff.h"
#include "client-cli/commands/post_query.h"
#include "client-cli/commands/skim.h"
#include "client-cli/input/record_lines.h"
#include "client-cli/output/progress.h"

Test(progress, text)
{
    static const struct {
        struct progress_counts counts;
        uint64_t elapsed_ms;
        const char *text;
    } table[] = {
        { { "posts", 0, 0, 0, 0 }, 0, "0 posts" },
        { { "posts", 12345, 50000, 2097152, 0 },
          1000,
          "12,345 of 50,000 posts  24.7%  12,345/s  2.0 MiB/s  ETA 3s" },
        { { "posts", 500, 0, 1024, 0 }, 500, "500 posts  1,000/s  2.0 KiB/s" },
        { { "posts", 0, 100, 0, 0 }, 1000, "0 of 100 posts  0.0%  0/s  0 B/s" },
        { { "posts", 10, 10, 10, 0 }, 1000, "10 of 10 posts  100.0%  10/s  10 B/s  ETA 0s" },
        { { "posts", 11, 10, 10, 0 }, 1000, "11 posts  11/s  10 B/s" }, /* grew meanwhile */
        { { "users", 10, 0, 1024, 4096 }, 60000, "10 users  25.0%  0/s  17 B/s  ETA 3m00s" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[256];
        progress_text(got, sizeof got, &table[i].counts, table[i].elapsed_ms);
        cr_assert_str_eq(got, table[i].text, "row %zu: %s", i, got);
    }
}

Test(progress, time)
{
    char s[16];
    cr_assert_str_eq(progress_time(s, 59), "59s");
    cr_assert_str_eq(progress_time(s, 125), "2m05s");
    cr_assert_str_eq(progress_time(s, 3720), "1h02m");
    cr_assert_str_eq(progress_time(s, UINT64_MAX), "long");
}

/* Doubles from 100 ms to 2 s; what is waited is between half and all of it. */
Test(backoff, grows_to_a_bound)
{
    static const uint64_t most[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct backoff b;
        uint64_t ms;
        backoff_init(&b, 8, seed);
        for (int i = 0; i < 8; i++) {
            cr_assert(backoff_next(&b, &ms));
            cr_assert(ms >= most[i] / 2 && ms <= most[i], "try %d: %d", i, (int)ms);
        }
        cr_assert_not(backoff_next(&b, &ms));
        backoff_reset(&b);
        cr_assert(backoff_next(&b, &ms));
        cr_assert_leq(ms, 100);
    }
}

Test(backoff, spreads)
{
    struct backoff a, b;
    uint64_t a_ms, b_ms;
    int same = 0;
    backoff_init(&a, 100, 1 << 20);
    backoff_init(&b, 100, 2 << 20);
    for (int i = 0; i < 100; i++) {
        cr_assert(backoff_next(&a, &a_ms) && backoff_next(&b, &b_ms));
        same += a_ms == b_ms;
    }
    cr_assert_lt(same, 50);
}

Test(backoff, no_try_at_all)
{
    struct backoff b;
    uint64_t ms;
    backoff_init(&b, 0, 1);
    cr_assert_not(backoff_next(&b, &ms));
}

Test(record_lines, finds_the_line)
{
    static const struct {
        uint64_t skipped[4];
        uint64_t lines[4]; /* of the records 0, 1, 2, 3 */
    } table[] = {
        { { 0 }, { 1, 2, 3, 4 } },          { { 1 }, { 2, 3, 4, 5 } },
        { { 2 }, { 1, 3, 4, 5 } },          { { 1, 2, 3 }, { 4, 5, 6, 7 } },
        { { 2, 4, 6 }, { 1, 3, 5, 7 } },    { { 5 }, { 1, 2, 3, 4 } },
        { { 1, 3, 4, 7 }, { 2, 5, 6, 8 } },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct record_lines r = { 0 };
        for (int j = 0; j < 4 && table[i].skipped[j] != 0; j++)
            cr_assert(record_lines_skip(&r, table[i].skipped[j]));
        for (uint64_t j = 0; j < 4; j++)
            cr_assert_eq(record_lines_find(&r, j), table[i].lines[j], "row %zu record %d", i,
                         (int)j);
        record_lines_close(&r);
    }
}

Test(query, names_of_the_calls)
{
    cr_assert_str_eq(post_query_path(SHAPE_UNARY, false), "/v1.post.Post/ListPosts");
    cr_assert_str_eq(post_query_rpc(SHAPE_BIDI, true), "ListPostsByUserIdBidiStream");
}

/* One descriptor decodes both responses: that holds while they are alike. */
Test(query, both_responses_are_alike)
{
    const ProtobufCMessageDescriptor *a = &v1__post__list_posts_response__descriptor;
    const ProtobufCMessageDescriptor *b = &v1__post__list_posts_by_user_id_response__descriptor;
    cr_assert_eq(a->n_fields, b->n_fields);
    for (unsigned i = 0; i < a->n_fields; i++) {
        cr_assert_str_eq(a->fields[i].name, b->fields[i].name);
        cr_assert_eq(a->fields[i].id, b->fields[i].id);
        cr_assert_eq(a->fields[i].type, b->fields[i].type);
        cr_assert_eq(a->fields[i].label, b->fields[i].label);
        cr_assert_eq(a->fields[i].descriptor, b->fields[i].descriptor);
    }
}

/* --- Messages of which only the number of posts counts ------------------------------ */

static V1__Post__PostMessage g_posts[3] = { V1__POST__POST_MESSAGE__INIT,
                                            V1__POST__POST_MESSAGE__INIT,
                                            V1__POST__POST_MESSAGE__INIT };

/* Three posts, the last message of a listing. */
static struct bytes packed(uint8_t room[4096], char *token)
{
    V1__Post__PostMessage *posts[3] = { &g_posts[0], &g_posts[1], &g_posts[2] };
    V1__Post__ListPostsResponse m = V1__POST__LIST_POSTS_RESPONSE__INIT;
    m.post_messages = posts;
    m.n_post_messages = 3;
    m.next_page_token = token;
    m.last = 1;
    m.total_size = 70000;
    m.caught_up = 1;
    g_posts[1].body = "one of them is not empty";
    return bytes_of(room, v1__post__list_posts_response__pack(&m, room));
}

Test(skim, counts_posts_and_takes_the_rest)
{
    uint8_t room[4096];
    struct skim skim;
    cr_assert(skim_read(packed(room, "abc_-"), &skim));
    cr_assert_eq(skim.message.n_post_messages, 3);
    cr_assert_null(skim.message.post_messages);
    cr_assert_str_eq(skim.message.next_page_token, "abc_-");
    cr_assert(skim.message.last);
    cr_assert_eq(skim.message.total_size, 70000);
    cr_assert(skim.message.caught_up);
    cr_assert(skim_read(bytes_of(room, 0), &skim));
    cr_assert(skim.message.n_post_messages == 0 && !skim.message.last && !skim.message.caught_up);
    cr_assert_str_empty(skim.message.next_page_token);
}

Test(skim, refuses_what_is_no_message)
{
    uint8_t room[4096];
    char token[SKIM_TOKEN_MAX + 2];
    struct skim skim;
    const struct bytes whole = packed(room, "abc");
    cr_assert_not(skim_read(bytes_of(whole.data, whole.len - 1), &skim));
    memset(token, 'x', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    cr_assert_not(skim_read(packed(room, token), &skim));
    token[SKIM_TOKEN_MAX] = '\0';
    cr_assert(skim_read(packed(room, token), &skim));
}
