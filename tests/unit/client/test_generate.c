#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "client-cli/records/generate.h"
#include "client-cli/records/ndjson.h"

static struct buf *all_lines(struct generate_plan plan)
{
    struct buf *b = buf_new(0);
    struct generated_user user;
    struct generated_post post;
    for (uint64_t i = 0; i < plan.users; i++) {
        generate_user(&plan, i, &user);
        cr_assert(ndjson_write_user(b, &user.message));
    }
    for (uint64_t i = 0; i < plan.posts; i++) {
        generate_post(&plan, i, &post);
        cr_assert(ndjson_write_post(b, &post.message));
    }
    return b;
}

Test(generate, the_seed_decides)
{
    struct buf *a = all_lines((struct generate_plan){ 1, 500, 50, false });
    struct buf *b = all_lines((struct generate_plan){ 1, 500, 50, false });
    struct buf *c = all_lines((struct generate_plan){ 2, 500, 50, false });
    cr_expect(bytes_equal(buf_bytes(a), buf_bytes(b)));
    cr_expect_not(bytes_equal(buf_bytes(a), buf_bytes(c)));
    buf_unref(a);
    buf_unref(b);
    buf_unref(c);
}

/* The same data everywhere and for ever: saved benchmarks stay comparable. */
Test(generate, first_lines_never_change)
{
    struct buf *b = buf_new(0);
    struct generate_plan plan = { 1, 1000, 10, false };
    struct generated_user user;
    struct generated_post post;
    generate_user(&plan, 0, &user);
    generate_post(&plan, 0, &post);
    cr_assert(ndjson_write_user(b, &user.message) && ndjson_write_post(b, &post.message));
    cr_assert(buf_append(b, bytes_of("", 1)));
    cr_expect_str_eq(
        (char *)b->data,
        "{\"user_id\":\"u1\",\"name\":\"Jonas Haas\",\"phone_number\":\"01066092077\",\"age\":53}\n"
        "{\"post_id\":\"p1\",\"author\":\"\",\"user_id\":\"u1\","
        "\"title\":\"Under north river train evening\","
        "\"body\":\"Cloud river leaves river. Tea packet early quiet. Waits light one every slow "
        "remembers before loop without.\",\"tags\":[\"linux\",\"coffee\"],"
        "\"create_time\":\"2020-10-25T00:00:00.060Z\"}\n");
    buf_unref(b);
}

/* How the posts of a plan are dealt to the users. */
struct deal {
    uint64_t *count, *first, *last;
};

static struct deal deal_of(const struct generate_plan *plan)
{
    struct deal d = { calloc(plan->users, 8), calloc(plan->users, 8), calloc(plan->users, 8) };
    struct generated_post post;
    int64_t time = 0;
    for (uint64_t i = 0; i < plan->posts; i++) {
        char want[24];
        generate_post(plan, i, &post);
        snprintf(want, sizeof(want), "p%lu", i + 1);
        cr_assert_str_eq(post.post_id, want);
        cr_assert_gt(post.create_time.seconds, time);
        time = post.create_time.seconds;

        uint64_t user = strtoull(post.user_id + 1, NULL, 10) - 1;
        cr_assert(post.user_id[0] == 'u' && user < plan->users, "%s", post.user_id);
        if (d.count[user]++ == 0)
            d.first[user] = i;
        d.last[user] = i;
    }
    return d;
}

static void deal_close(struct deal *d)
{
    free(d->count);
    free(d->first);
    free(d->last);
}

Test(generate, everybody_has_a_post)
{
    static const struct {
        uint64_t posts, users;
    } table[] = { { 1, 1 },    { 7, 7 },      { 8, 7 },         { 13, 7 },
                  { 100, 99 }, { 1000, 333 }, { 20000, 10000 }, { 5000, 1 } };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct generate_plan plan = { seed, table[i].posts, table[i].users, false };
            struct deal d = deal_of(&plan);
            for (uint64_t u = 0; u < plan.users; u++)
                cr_expect_geq(d.count[u], 1, "%lu posts, %lu users: none by u%lu", plan.posts,
                              plan.users, u + 1);
            deal_close(&d);
        }
    }
}

Test(generate, more_users_than_posts)
{
    struct generate_plan plan = { 1, 10, 1000, false };
    struct deal d = deal_of(&plan);
    for (uint64_t u = 0; u < plan.users; u++)
        cr_expect_leq(d.count[u], 1);
    deal_close(&d);
}

Test(generate, grouped_posts_come_user_by_user)
{
    const struct generate_plan plan = { .seed = 1, .posts = 10, .users = 3, .grouped = true };
    static const char *const expected[] = { "u1", "u1", "u1", "u1", "u2",
                                            "u2", "u2", "u3", "u3", "u3" };
    for (uint64_t i = 0; i < plan.posts; i++) {
        struct generated_post post;
        generate_post(&plan, i, &post);
        cr_assert_str_eq(post.user_id, expected[i], "post %llu", (unsigned long long)i);
    }
}

Test(generate, some_write_more_and_all_through_the_run)
{
    struct generate_plan plan = { 1, 200000, 1000, false };
    struct deal d = deal_of(&plan);
    cr_expect(d.count[0] > 5000 && d.count[0] < 8000, "%lu", d.count[0]);
    cr_expect(d.count[999] > 60 && d.count[999] < 150, "%lu", d.count[999]);
    for (uint64_t u = 0; u < plan.users; u++) {
        cr_expect_lt(d.first[u], plan.posts / 4, "u%lu starts at %lu", u + 1, d.first[u]);
        cr_expect_gt(d.last[u], plan.posts * 3 / 4, "u%lu ends at %lu", u + 1, d.last[u]);
    }
    deal_close(&d);
}

static bool has_wide(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text != '\0';
}

/* The reader takes valid UTF-8 only, and the message must survive the trip. */
Test(generate, lines_are_valid_and_read_back)
{
    struct generate_plan plan = { 3, 20000, 2000, false };
    struct arena *a = arena_new(1 << 20);
    struct buf *b = buf_new(0), *again = buf_new(0);
    struct generated_post post;
    char error[NDJSON_ERROR_BYTES] = "";
    size_t wide = 0;
    for (uint64_t i = 0; i < plan.posts; i++) {
        b->len = again->len = 0;
        arena_reset(a);
        generate_post(&plan, i, &post);
        cr_assert(ndjson_write_post(b, &post.message));
        V1__Post__PostMessage *read = ndjson_read_post(a, buf_bytes(b), error);
        cr_assert_not_null(read, "%s", error);
        cr_assert(ndjson_write_post(again, read));
        cr_assert(bytes_equal(buf_bytes(b), buf_bytes(again)));
        cr_assert_null(memmem(b->data, b->len, "\xef\xbf\xbd", 3), "text was cut");
        for (size_t t = 0; t < post.message.n_tags; t++) {
            for (size_t u = 0; u < t; u++)
                cr_assert_str_neq(post.tags[t], post.tags[u]);
        }
        wide += has_wide(post.body);
    }
    cr_expect_gt(wide, plan.posts / 10, "Korean and emoji are exercised");
    buf_unref(b);
    buf_unref(again);
    arena_free(a);
}

Test(generate, about_180_bytes_a_post)
{
    struct generate_plan plan = { 1, 20000, 1000, false };
    struct generated_post post;
    size_t bytes = 0, with_tags[GENERATE_MAX_TAGS + 1] = { 0 };
    for (uint64_t i = 0; i < plan.posts; i++) {
        generate_post(&plan, i, &post);
        bytes += v1__post__post_message__get_packed_size(&post.message);
        with_tags[post.message.n_tags]++;
    }
    cr_expect(bytes / plan.posts >= 170 && bytes / plan.posts <= 190, "%lu", bytes / plan.posts);
    for (size_t n = 0; n <= GENERATE_MAX_TAGS; n++)
        cr_expect_gt(with_tags[n], plan.posts / 5, "%zu posts with %zu tags", with_tags[n], n);
}
