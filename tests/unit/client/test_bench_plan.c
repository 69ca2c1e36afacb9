/* What a load test does before it runs: schedules, users, requests, checks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "client-cli/bench/bench_asks.h"
#include "client-cli/bench/bench_pace.h"
#include "client-cli/bench/bench_plan.h"
#include "client-cli/bench/bench_request.h"
#include "client-cli/bench/bench_stats.h"
#include "client-cli/bench/bench_users.h"
#include "lib/leaks.h"
#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

/* --- When things are due ------------------------------------------------------------ */

Test(bench_pace, loops_share_a_schedule_evenly)
{
    struct schedule s[3];
    for (unsigned i = 0; i < 3; i++)
        s[i] = (struct schedule){ .origin_ns = 7 * SECOND, .rate = 1000, .loop = i, .loops = 3 };
    for (uint64_t call = 0; call < 3000; call++)
        cr_expect_eq(schedule_due(&s[call % 3], call / 3), 7 * SECOND + call * MS);
}

Test(bench_pace, the_schedule_does_not_drift)
{
    const struct schedule s = { .origin_ns = SECOND, .rate = 7, .loops = 1 };
    cr_expect_eq(schedule_due(&s, 7 * 86400), 86401 * SECOND, "a day later");
}

Test(bench_pace, the_count_is_of_those_before)
{
    static const double rates[] = { 1, 3, 7, 999, 12345, 1000000 };
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (unsigned loop = 0; loop < 4; loop++) {
            const struct schedule s = {
                .origin_ns = 5 * SECOND, .rate = rates[i], .loop = loop, .loops = 4
            };
            for (uint64_t until = 0; until < 9 * SECOND; until += 333 * MS + 1) {
                uint64_t n = schedule_count(&s, until);
                cr_expect(n == 0 || schedule_due(&s, n - 1) < until);
                cr_expect_geq(schedule_due(&s, n), until);
            }
        }
    }
    const struct schedule whole = { .origin_ns = SECOND, .rate = 500, .loops = 1 };
    cr_expect_eq(schedule_count(&whole, 3 * SECOND), 1000);
}

Test(bench_pace, what_a_rate_may_be)
{
    static const struct {
        const char *text;
        double per_second; /* 0: refused */
        bool bytes;
    } cases[] = {
        { "10", 10, false },
        { "500B", 500, true },
        { "64KiB", 65536, true },
        { "1MB", 1e6, true },
        { "2MiB", 2 * 1048576, true },
        { "3kB", 3000, true },
        { "0", 0, false },
        { "0KiB", 0, false },
        { "", 0, false },
        { "KiB", 0, false },
        { "-1", 0, false },
        { "1.5", 0, false },
        { "10/s", 0, false },
        { "1GiBs", 0, false },
        { "9999999999999", 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pace p = { 0 };
        cr_expect_eq(pace_parse(cases[i].text, &p), cases[i].per_second > 0, "%s", cases[i].text);
        cr_expect_float_eq(p.per_second, cases[i].per_second, 1e-9, "%s", cases[i].text);
        cr_expect_eq(p.bytes, cases[i].bytes, "%s", cases[i].text);
    }
}

Test(bench_pace, a_reader_is_no_faster_than_its_rate)
{
    const struct pace p = { .per_second = 100 };
    uint64_t due = 0, now = 50 * SECOND;
    for (int i = 0; i < 1000; i++) {
        pace_next(&p, &due, now, 4096);
        now = due + (uint64_t)(i % 10) * 100000; /* timers fire late */
    }
    cr_expect_geq(now, 60 * SECOND);
    cr_expect_lt(now, 60 * SECOND + 2 * MS, "lateness does not add up");
}

Test(bench_pace, bytes_cost_what_they_are)
{
    const struct pace p = { .per_second = 1000, .bytes = true };
    uint64_t due = 0;
    pace_next(&p, &due, 9 * SECOND, 2500);
    cr_expect_eq(due, 11 * SECOND + SECOND / 2);
}

Test(bench_pace, a_server_that_was_slow_is_not_caught_up_with)
{
    const struct pace p = { .per_second = 10 };
    uint64_t due = 0;
    pace_next(&p, &due, SECOND, 1);
    pace_next(&p, &due, 60 * SECOND, 1);
    cr_expect_eq(due, 60 * SECOND - 10 * MS + 100 * MS);
}

/* --- Users -------------------------------------------------------------------------- */

static void expect_user(const struct users *u, uint64_t i, const char *id)
{
    char room[USERS_ID_MAX + 32];
    struct bytes got = users_at(u, i, room);
    cr_expect(bytes_equal(got, bytes_of_text(id)), "%.*s, not %s", (int)got.len,
              (const char *)got.data, id);
}

Test(bench_users, ranges)
{
    struct users u;
    cr_assert(users_range(&u, "u8..u11"));
    cr_expect_eq(u.n, 4);
    expect_user(&u, 0, "u8");
    expect_user(&u, 3, "u11");
    expect_user(&u, 4, "u8");
    cr_assert(users_range(&u, "5..5"));
    cr_expect_eq(u.n, 1);
    cr_assert(users_range(&u, "a1b008..120"));
    expect_user(&u, 0, "a1b008");
    expect_user(&u, 112, "a1b120");
}

Test(bench_users, what_is_no_range)
{
    static const char *const bad[] = { "",
                                       "u1",
                                       "u1..",
                                       "..u3",
                                       "u3..u1",
                                       "u1..v9",
                                       "u..v",
                                       "1..2x",
                                       "1..2..3",
                                       "1...3",
                                       "1..9999999999999999999",
                                       "u 1 .. u 2" };
    struct users u;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(users_range(&u, bad[i]), "%s", bad[i]);
}

static int read_text(struct users *u, const char *text, size_t len)
{
    FILE *from = fmemopen((void *)text, len, "r");
    cr_assert_not_null(from);
    int rv = users_read(u, from);
    fclose(from);
    return rv;
}

Test(bench_users, lines)
{
    static const char text[] = "u1\n\nu2\r\n안녕";
    char *longest = calloc(1, USERS_ID_MAX + 2);
    struct users u;
    cr_assert_eq(read_text(&u, text, sizeof text - 1), 0);
    cr_expect_eq(u.n, 3);
    expect_user(&u, 1, "u2");
    expect_user(&u, 5, "안녕");
    users_close(&u);
    cr_expect_eq(read_text(&u, "\n\n", 2), ENODATA);
    memset(longest, 'x', USERS_ID_MAX + 1);
    cr_expect_eq(read_text(&u, longest, USERS_ID_MAX + 1), EINVAL);
    cr_expect_not(users_one(&u, longest));
    cr_expect_eq(read_text(&u, longest, USERS_ID_MAX), 0);
    users_close(&u);
    free(longest);
    assert_no_leaks();
}

/* --- Options that do not fit together ----------------------------------------------- */

static struct bench_plan plan_of(enum bench_shape shape)
{
    return (struct bench_plan){ .shape = shape, .connections = 1, .loops = 1, .tag = "" };
}

static const char *check(struct bench_plan p)
{
    return plan_check(&p);
}

Test(bench_plan, what_does_not_fit_together)
{
    struct bench_plan p = plan_of(BENCH_RESOLVE);
    cr_expect_not_null(check(p), "no users");
    p.users.n = 1;
    cr_expect_null(check(p));
    p.limit = 1;
    cr_expect_not_null(check(p), "a limit");
    p = plan_of(BENCH_UNARY);
    p.items = 2;
    cr_expect_not_null(check(p), "items of a unary call");
    p = plan_of(BENCH_CLIENT);
    p.slow.per_second = 1;
    cr_expect_not_null(check(p), "one message, slowly");
    p = plan_of(BENCH_UNARY);
    p.prefix = "x";
    cr_expect_not_null(check(p), "a prefix of nothing");
    p = plan_of(BENCH_UNARY);
    p.loops = 2;
    cr_expect_not_null(check(p), "a loop without a connection");
    p = plan_of(BENCH_UNARY);
    p.connections = 1001;
    p.streams = 100;
    cr_expect_not_null(check(p), "too many");
}

Test(bench_plan, of_a_follow)
{
    struct bench_plan p = plan_of(BENCH_FOLLOW);
    cr_assert_null(plan_check(&p));
    cr_expect(p.rate == 100 && p.items == 1 && p.streams == 100 && p.duration_ms == 10000);
    cr_expect_eq(plan_calls(&p), 1000);
    cr_expect_str_eq(plan_path(&p), "/v1.post.Post/ListPostsServerStream");
    p.count = 30;
    cr_expect_eq(plan_calls(&p), 30);
    p.users.n = 2;
    cr_expect_str_eq(plan_path(&p), "/v1.post.Post/ListPostsByUserIdServerStream");
    p.loops = p.connections = 2;
    cr_expect_not_null(check(p), "loops");
    p = plan_of(BENCH_FOLLOW);
    p.rate = 100000;
    p.duration_ms = UINT64_C(3600000);
    cr_expect_not_null(check(p), "a bit for each post and follower");
}

Test(bench_plan, what_is_left_to_it)
{
    struct bench_plan p = plan_of(BENCH_BIDI);
    cr_assert_null(plan_check(&p));
    cr_expect(p.items == 1 && p.streams == 1 && p.duration_ms == 10000);
    p = plan_of(BENCH_BIDI);
    p.users.n = 5;
    p.rate = 10;
    p.count = 3;
    cr_assert_null(plan_check(&p));
    cr_expect(p.items == 100 && p.streams == 100 && p.duration_ms == 0);
    cr_expect_str_eq(plan_path(&p), "/v1.post.Post/ListPostsByUserIdBidiStream");
}

Test(bench_plan, what_is_asked_for)
{
    static const struct {
        enum bench_shape shape;
        uint64_t users;
        int64_t items, page_size, limit; /* as given */
        int64_t page_size_now, limit_now;
        const char *asks;
    } cases[] = {
        { BENCH_UNARY, 0, 0, -1, -1, 1000, 0,
          "each call asks for a page of up to 1,000 posts of everybody" },
        { BENCH_UNARY, 9, 0, 1, -1, 1, 0, "each call asks for a page of up to 1 post of one user" },
        { BENCH_UNARY, 9, 0, -1, 0, 1000, 0,
          "each call asks for a page of up to 1,000 posts of one user" },
        { BENCH_UNARY, 9, 0, -1, 5000, 0, 5000,
          "each call asks for up to 5,000 posts of one user" },
        { BENCH_UNARY, 9, 0, 0, -1, 0, 0, "each call asks for all posts of one user" },
        { BENCH_UNARY, 9, 0, 10, 20, 10, 20,
          "each call asks for a page of up to 10 posts of one user" },
        { BENCH_SERVER, 0, 0, -1, 3, 0, 3, "each call asks for up to 3 posts of everybody" },
        { BENCH_CLIENT, 0, 0, -1, -1, 0, 1000,
          "each call asks for up to 1,000 posts of everybody" },
        { BENCH_CLIENT, 9, 0, -1, -1, 0, 10,
          "each call asks for up to 10 posts of each of 100 users" },
        { BENCH_CLIENT, 9, 1001, -1, -1, 0, 1,
          "each call asks for up to 1 post of each of 1,001 users" },
        { BENCH_CLIENT, 9, 2, 50, -1, 50, 0,
          "each call asks for all posts of 2 users, and at most 50 posts together" },
        { BENCH_CLIENT, 9, 2, -1, 0, 0, 0, "each call asks for all posts of 2 users" },
        { BENCH_BIDI, 9, 2, 50, 7, 50, 7,
          "each call asks for up to 7 posts of each of 2 users, at most 50 posts in a message" },
        { BENCH_IMPORT, 0, 0, -1, -1, 0, 0, "each call brings 1,000 posts" },
        { BENCH_FOLLOW, 0, 0, -1, -1, 0, 0, "each import brings 1 post" },
        { BENCH_RESOLVE, 9, 30, -1, -1, 0, 0, "each call asks for the names of 30 users" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench_plan p = plan_of(cases[i].shape);
        char asks[BENCH_ASKS_MAX];
        p.users.n = cases[i].users;
        p.items = cases[i].items;
        p.page_size = cases[i].page_size;
        p.limit = cases[i].limit;
        cr_expect_null(plan_check(&p));
        cr_expect_eq(p.page_size, cases[i].page_size_now, "%s", cases[i].asks);
        cr_expect_eq(p.limit, cases[i].limit_now, "%s", cases[i].asks);
        cr_expect_str_eq(bench_asks(asks, &p), cases[i].asks);
    }
}

/* --- Requests, as the servers read them
 * ----------------------------------------------------------- */

static ProtobufCMessage *make(const struct requests *r, const ProtobufCMessageDescriptor *type,
                              uint64_t item, uint64_t left, uint64_t *ret_items)
{
    struct buf *b = requests_make(r, item, left, ret_items);
    cr_assert_not_null(b);
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, b->len, b->data);
    cr_assert_not_null(m);
    buf_unref(b);
    return m;
}

Test(bench_request, listings)
{
    struct bench_plan p = plan_of(BENCH_UNARY);
    struct requests r;
    uint64_t items;
    p.page_size = 300;
    p.limit = INT64_MAX;
    p.tag = "태그";
    cr_assert_eq(requests_init(&r, &p), 0);
    V1__Post__ListPostsRequest *all = (V1__Post__ListPostsRequest *)make(
        &r, &v1__post__list_posts_request__descriptor, 9, 1, &items);
    cr_expect(items == 1 && all->page_size == 300 && all->limit == INT64_MAX);
    cr_expect_str_eq(all->tag, "태그");
    protobuf_c_message_free_unpacked(&all->base, NULL);
    requests_close(&r);

    cr_assert(users_range(&p.users, "u1..u3"));
    cr_assert_eq(requests_init(&r, &p), 0);
    V1__Post__ListPostsByUserIdRequest *one = (V1__Post__ListPostsByUserIdRequest *)make(
        &r, &v1__post__list_posts_by_user_id_request__descriptor, 4, 7, &items);
    cr_expect(items == 1 && one->page_size == 300 && one->limit == INT64_MAX);
    cr_expect_str_eq(one->user_id, "u2");
    cr_expect_str_eq(one->tag, "태그");
    protobuf_c_message_free_unpacked(&one->base, NULL);
    requests_close(&r);
    assert_no_leaks();
}

Test(bench_request, import)
{
    struct bench_plan p = plan_of(BENCH_IMPORT);
    struct requests r;
    uint64_t items;
    p.prefix = "b-";
    cr_assert_eq(requests_init(&r, &p), 0);
    V1__Post__ImportPostsRequest *m = (V1__Post__ImportPostsRequest *)make(
        &r, &v1__post__import_posts_request__descriptor, 1998, 5, &items);
    cr_expect(items == 5 && m->n_post_messages == 5);
    cr_expect_str_eq(m->post_messages[0]->post_id, "b-1998");
    cr_expect_str_eq(m->post_messages[0]->user_id, "u999");
    cr_expect_str_eq(m->post_messages[2]->user_id, "u1");
    cr_expect_str_neq(m->post_messages[4]->title, "");
    cr_expect_not_null(m->post_messages[4]->create_time);
    protobuf_c_message_free_unpacked(&m->base, NULL);

    struct buf *b = requests_make(&r, 0, 100000, &items);
    cr_expect(b->len >= 256 * 1024 && b->len < 258 * 1024, "about 256 KiB");
    cr_expect(items > 1000 && items < 3000);
    buf_unref(b);
    p.page_size = 3;
    buf_unref(requests_make(&r, 0, 100000, &items));
    cr_expect_eq(items, 3);
    requests_close(&r);
    assert_no_leaks();
}

Test(bench_request, resolve)
{
    struct bench_plan p = plan_of(BENCH_RESOLVE);
    struct requests r;
    uint64_t items;
    cr_assert(users_range(&p.users, "u1..u4"));
    cr_assert_eq(requests_init(&r, &p), 0);
    buf_unref(requests_make(&r, 0, 5000, &items));
    cr_expect_eq(items, 1000, "what User takes at once");
    p.page_size = 3;
    V1__User__ResolveUsersRequest *m = (V1__User__ResolveUsersRequest *)make(
        &r, &v1__user__resolve_users_request__descriptor, 3, 2, &items);
    cr_expect(items == 2 && m->n_user_ids == 2);
    cr_expect_str_eq(m->user_ids[0], "u4");
    cr_expect_str_eq(m->user_ids[1], "u1");
    protobuf_c_message_free_unpacked(&m->base, NULL);
    requests_close(&r);
}

/* --- Responses
 * ------------------------------------------------------------------------------------- */

static bool read_message(const struct bench_plan *p, const ProtobufCMessage *m, struct stats *stats,
                         struct response *ret)
{
    uint8_t bytes[4096];
    size_t len = protobuf_c_message_pack(m, bytes);
    for (size_t cut = 1; cut < len; cut++) /* never past the end: the sanitizer looks */
        response_read(p, bytes_of(bytes, cut), stats, ret);
    memset(&stats->errors.count, 0, sizeof stats->errors.count);
    return response_read(p, bytes_of(bytes, len), stats, ret);
}

Test(bench_response, listing)
{
    struct bench_plan p = plan_of(BENCH_BIDI);
    struct stats *stats = calloc(1, sizeof *stats);
    struct response r;
    cr_assert_eq(stats_init(stats, 0), 0);
    V1__Post__PostMessage post = V1__POST__POST_MESSAGE__INIT;
    V1__Post__PostMessage *posts[] = { &post, &post, &post };
    V1__Post__RequestError error = V1__POST__REQUEST_ERROR__INIT;
    V1__Post__RequestError *errors[] = { &error };
    V1__Post__ListPostsResponse m = V1__POST__LIST_POSTS_RESPONSE__INIT;
    post.title = "title";
    error.code = STATUS_NOT_FOUND;
    error.message = "nobody";
    m.n_post_messages = 3;
    m.post_messages = posts;
    m.n_errors = 1;
    m.errors = errors;
    m.last = 1;
    cr_assert(read_message(&p, &m.base, stats, &r));
    cr_expect(r.posts == 3 && r.last);
    cr_expect_eq(stats->errors.count[STATUS_NOT_FOUND], 1);
    cr_expect_str_eq(stats->errors.first[STATUS_NOT_FOUND], "nobody");
    cr_expect_not(response_read(&p, bytes_of("\x0a\x7f", 2), stats, &r), "cut short");
    cr_expect_not(response_read(&p, bytes_of("\x0f", 1), stats, &r), "no message at all");
    stats_close(stats);
    free(stats);
}

Test(bench_response, import_and_resolve)
{
    struct bench_plan p = plan_of(BENCH_IMPORT);
    struct stats *stats = calloc(1, sizeof *stats);
    struct response r;
    cr_assert_eq(stats_init(stats, 0), 0);
    V1__Post__RequestError error = V1__POST__REQUEST_ERROR__INIT;
    V1__Post__RequestError *errors[] = { &error };
    V1__Post__ImportPostsResponse m = V1__POST__IMPORT_POSTS_RESPONSE__INIT;
    error.code = STATUS_INVALID_ARGUMENT;
    m.imported = 5;
    m.updated = 300;
    m.unchanged = 7;
    m.rejected = 101;
    m.n_errors = 1;
    m.errors = errors;
    cr_assert(read_message(&p, &m.base, stats, &r));
    cr_expect_eq(r.posts, 312);
    cr_expect_eq(stats->errors.count[STATUS_INVALID_ARGUMENT], 1);
    cr_expect_eq(stats->errors.count[STATUS_UNKNOWN], 100, "those without a reason");

    p = plan_of(BENCH_RESOLVE);
    V1__User__ResolvedUser found = V1__USER__RESOLVED_USER__INIT, missing = found;
    V1__User__ResolvedUser *users[] = { &found, &missing };
    V1__User__ResolveUsersResponse names = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    found.user_id = missing.user_id = "u1";
    found.found = 1;
    names.n_users = 2;
    names.users = users;
    cr_assert(read_message(&p, &names.base, stats, &r));
    cr_expect_eq(r.posts, 2);
    cr_expect_eq(stats->errors.count[STATUS_NOT_FOUND], 1);
    stats_close(stats);
    free(stats);
}
