/* Listings that go on with what changes: how they wait, and how they end. What they tell
 * is in tests/e2e/test_follow.py. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/heap.h"
#include "lib/listing_calls.h"
#include "serverkit/intercept/limits.h"
#include "streams/page_token.h"

static struct post_world w;
static struct posts posts;
static struct limits limits;

static const struct ask follow = { .follow = true };
static const struct ask from_now = { .follow = true, .from_now = true };
static const struct ask follow_u1 = { .user = "u1", .follow = true };

static void add_posts(size_t n, const char *user, size_t len)
{
    for (size_t i = 0; i < n; i++)
        posts_add(&posts, user, len, "");
}

static void start(void)
{
    post_world_open(&w);
    if (posts.n > 0)
        posts_import(&w, &posts);
}

static void stop(void)
{
    posts_free(&posts);
    post_world_close(&w);
    w = (struct post_world){ 0 };
}

/* Posts of before again, with another body; the last ones added for the first time. */
static void change(size_t from, size_t to, char filler)
{
    posts_refill(&w, &posts, from, to, filler);
}

static void add_and_import(const char *user)
{
    add_posts(1, user, 10);
    change(posts.n - 1, posts.n, 'n');
}

static void drop(const char *id)
{
    post_world_delete(&w, &id, 1);
}

/* --- What was sent ------------------------------------------------------------------ */

/* So many posts and deleted ids, and words that it has caught up. */
struct heard {
    size_t posts, deleted, caught_up, empty;
};

static struct heard heard(const struct fake_stream *f)
{
    struct heard h = { 0 };
    struct answer a = answer_read(f);
    h.posts = a.nposts;
    for (size_t i = 0; i < a.n; i++) {
        h.deleted += a.messages[i].deleted;
        h.caught_up += a.messages[i].caught_up;
        h.empty += a.messages[i].n == 0 && a.messages[i].deleted == 0 && !a.messages[i].caught_up;
    }
    answer_free(&a);
    return h;
}

static size_t told(const struct fake_stream *f)
{
    const struct heard h = heard(f);
    return h.posts + h.deleted;
}

static struct got message(const struct fake_stream *f, size_t i)
{
    struct answer a = answer_read(f);
    cr_assert_lt(i, a.n, "message %zu of %zu", i, a.n);
    const struct got got = a.messages[i];
    answer_free(&a);
    return got;
}

static struct got last_message(const struct fake_stream *f)
{
    return message(f, f->sent.n - 1);
}

/* How many posts came with this body. */
static size_t with_filler(const struct fake_stream *f, char filler)
{
    size_t n = 0;
    for (const struct fake_message *m = f->sent.first; m != NULL; m = m->next) {
        V1__Post__ListPostsResponse *r =
            v1__post__list_posts_response__unpack(NULL, m->bytes.len, m->bytes.data);
        for (size_t i = 0; i < r->n_post_messages; i++)
            n += r->post_messages[i]->body[0] == filler;
        v1__post__list_posts_response__free_unpacked(r, NULL);
    }
    return n;
}

static struct fake_stream *open_follow(enum shape shape, const struct ask *ask)
{
    struct fake_stream *f = listing_open(&w, shape, ask, 1);
    POST_UNTIL(&w, heard(f).caught_up == 1);
    return f;
}

static void expect_status(struct fake_stream *f, enum status_code code, const char *reason)
{
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, code, "%s", a.status.message);
    cr_assert_str_eq(a.status.reason, reason);
    answer_free(&a);
}

/* Of a follow that is resumed: what it is told until it has caught up. */
static struct heard since(const struct ask *ask, const char *token)
{
    struct ask again = *ask;
    again.token = token;
    struct fake_stream *f = open_follow(SERVER_STREAM, &again);
    const struct heard h = heard(f);
    listing_hang_up(&w, f);
    return h;
}

/* --- States ------------------------------------------------------------------------- */

Test(follow, lists_catches_up_and_tells)
{
    add_posts(30, "u1", 1000);
    add_posts(3, "u2", 10);
    start();
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
        struct fake_stream *f = open_follow(shape, &follow), *g = open_follow(shape, &follow_u1);
        const size_t all = posts.n;
        cr_assert_eq(heard(f).posts, all);
        add_and_import("u1");
        add_and_import("u2");
        POST_UNTIL(&w, told(f) == all + 2 && told(g) == heard(g).posts);
        cr_assert_eq(last_message(g).n, 1);
        char id[16];
        snprintf(id, sizeof id, "p%zu", posts.n - 2);
        drop(id);
        POST_UNTIL(&w, heard(f).deleted == 1 && heard(g).deleted == 1);
        cr_assert_str_eq(last_message(f).deleted_id, id);
        cr_assert_str_eq(last_message(g).deleted_id, id);
        change(posts.n - 2, posts.n - 1, 'a'); /* comes again */
        POST_UNTIL(&w, told(f) == all + 4);
        cr_assert(heard(f).caught_up == 1 && heard(f).empty == 0);
        listing_hang_up(&w, f);
        listing_hang_up(&w, g);
    }
    stop();
}

/* Nothing is read for what concerns others. */
Test(follow, sleeps_while_others_change)
{
    add_posts(1, "u1", 10);
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &follow_u1);
    const size_t n = f->sent.n;
    for (int i = 0; i < 20; i++)
        add_and_import("u2");
    post_world_turns(&w, 5);
    cr_assert_eq(f->sent.n, n);
    cr_assert_eq(counter_get(&w.env.feed.stats.behind), 0);
    cr_assert_eq(counter_get(&w.env.feed.stats.followers), 1);
    listing_hang_up(&w, f);
    cr_assert_eq(counter_get(&w.env.feed.stats.followers), 0);
    stop();
}

/* --- Quiet -------------------------------------------------------------------------- */

Test(follow, says_that_it_is_there)
{
    w.env.listing.quiet_ms = 10;
    w.keep_changes = 5;
    add_posts(1, "u1", 10);
    start();
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
        struct fake_stream *f = open_follow(shape, &follow_u1);
        POST_UNTIL(&w, heard(f).empty >= 3);
        const struct got first = last_message(f);
        cr_assert(!first.last && first.n == 0 && !first.caught_up && first.index == 0);
        for (int i = 0; i < 20; i++)
            add_and_import("u2");
        const size_t so_many = heard(f).empty;
        POST_UNTIL(&w, heard(f).empty > so_many);
        /* The first token is too old by now. The new one is not: all those were for others. */
        struct ask again = follow_u1;
        again.token = first.token;
        if (shape == SERVER_STREAM)
            expect_status(listing_start(&w, shape, &again, 1), STATUS_FAILED_PRECONDITION,
                          "CHANGES_EXPIRED");
        cr_assert_eq(since(&follow_u1, last_message(f).token).posts, 0);
        change(0, 1, shape == BIDI ? 'b' : 's');
        POST_UNTIL(&w, heard(f).posts == 2);
        listing_hang_up(&w, f);
    }
    stop();
}

Test(follow, is_not_quiet_while_it_tells)
{
    w.env.listing.quiet_ms = 500;
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &from_now);
    const uint64_t end_ms = loop_now_ms(w.loop) + 700;
    while (loop_now_ms(w.loop) < end_ms) {
        add_and_import("u1");
        POST_UNTIL(&w, heard(f).posts == posts.n);
    }
    cr_assert_eq(heard(f).empty, 0);
    listing_hang_up(&w, f);
    stop();
}

/* --- No room ------------------------------------------------------------------------ */

/* The window is closed: two chunks at most are read, and what changes meanwhile is told
 * once, in its newest form. */
static void check_no_room(enum shape shape, int32_t page_size)
{
    struct ask ask = from_now;
    ask.page_size = page_size;
    add_posts(600, "u1", 1000);
    start();
    struct fake_stream *f = open_follow(shape, &ask);
    fake_stream_window(f, false);
    change(0, posts.n, 'b');
    post_world_turns(&w, 100);
    cr_assert_leq(f->held, FAKE_QUEUE_MAX);
    for (char filler = 'c'; filler <= 'g'; filler++) {
        change(0, posts.n, filler);
        post_world_turns(&w, 5);
    }
    cr_assert_eq(told(f), 0);
    fake_stream_window(f, true);
    POST_UNTIL(&w, with_filler(f, 'g') == posts.n);
    cr_assert_lt(with_filler(f, 'b'), 60);
    cr_assert_eq(told(f), with_filler(f, 'b') + posts.n);
    post_world_turns(&w, 5);
    cr_assert_eq(heard(f).empty, 0);
    listing_hang_up(&w, f);
    stop();
}

Test(follow, waits_for_room_in_a_server_stream)
{
    check_no_room(SERVER_STREAM, 0);
}

Test(follow, waits_for_room_in_a_bidi_stream)
{
    check_no_room(BIDI, 0);
}

Test(follow, waits_for_room_for_small_messages)
{
    check_no_room(SERVER_STREAM, 3);
}

Test(follow, goes_on_after_every_stop)
{
    add_posts(300, "u1", 1000);
    start();
    struct fake_stream *f = open_follow(BIDI, &from_now);
    change(0, posts.n, 'b');
    for (int i = 0; i < 1000 && told(f) < posts.n; i++) {
        fake_stream_window(f, false);
        post_world_turns(&w, 3);
        fake_stream_window(f, true);
        post_world_turns(&w, 1);
    }
    cr_assert_eq(told(f), posts.n);
    listing_hang_up(&w, f);
    stop();
}

/* It was too slow: what is gone from the log cannot be told in part. */
Test(follow, expires_while_there_is_no_room)
{
    w.keep_changes = 100;
    add_posts(300, "u1", 3000);
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &from_now),
                       *g = open_follow(BIDI, &from_now);
    fake_stream_window(f, false);
    fake_stream_window(g, false);
    for (char filler = 'b'; filler <= 'e'; filler++)
        change(0, posts.n, filler);
    post_world_turns(&w, 20);
    fake_stream_window(f, true);
    fake_stream_window(g, true);
    expect_status(f, STATUS_FAILED_PRECONDITION, "CHANGES_EXPIRED");
    POST_UNTIL(&w, last_message(g).errors == 1);
    cr_assert_eq(last_message(g).error_code, STATUS_FAILED_PRECONDITION);
    cr_assert(last_message(g).last && !g->closed);
    fake_stream_end(g);
    expect_status(g, STATUS_OK, "");
    stop();
}

/* A store that was put back to an earlier state does not know what came after. */
Test(follow, expires_with_a_revision_that_is_still_to_come)
{
    char text[PAGE_TOKEN_TEXT_MAX + 1] = "";
    add_posts(3, "u1", 10);
    start();
    struct page_token token = {
        .store_id = w.env.listing.store_id,
        .binding = page_token_bind("ListPosts", bytes_of_text(""), bytes_of_text("")),
        .follows = true,
        .in_changes = true,
        .revision = posts.n,
    };
    page_token_write(&token, text);
    cr_assert_eq(since(&follow, text).posts, 0);
    token.revision++;
    page_token_write(&token, text);
    struct ask ask = follow;
    ask.token = text;
    expect_status(listing_start(&w, SERVER_STREAM, &ask, 1), STATUS_FAILED_PRECONDITION,
                  "CHANGES_EXPIRED");
    stop();
}

/* --- Names -------------------------------------------------------------------------- */

Test(follow, tells_what_is_ready_before_it_waits_for_a_name)
{
    add_posts(1, "u1", 10);
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &follow);
    w.silent = true;
    add_posts(1, "u1", 10);
    add_posts(2, "u2", 10);
    add_posts(1, "u1", 10);
    change(1, posts.n, 'n');
    POST_UNTIL(&w, told(f) == 2);
    post_world_turns(&w, 10);
    cr_assert_eq(told(f), 2);
    add_and_import("u1"); /* meanwhile */
    post_world_turns(&w, 10);
    cr_assert_eq(told(f), 2);
    w.silent = false;
    POST_UNTIL(&w, told(f) == 6);
    listing_hang_up(&w, f);
    stop();
}

Test(follow, ends_when_a_name_does_not_come)
{
    w.options.timeout_ms = 30;
    add_posts(1, "u1", 10);
    start();
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
        char user[8];
        snprintf(user, sizeof user, "u%d", 7 + (int)shape);
        struct fake_stream *f = open_follow(shape, &follow);
        w.silent = true;
        add_and_import("u1");
        add_and_import(user);
        const size_t n = posts.n;
        struct answer a = listing_end(&w, f);
        cr_assert_eq(a.status.code, STATUS_UNAVAILABLE);
        cr_assert_str_eq(a.status.reason, "USER_UNREACHABLE");
        cr_assert_eq(a.nposts, n - 1);
        w.silent = false;
        cr_assert_eq(since(&follow, a.messages[a.n - 1].token).posts, 1, "from there it goes on");
        answer_free(&a);
    }
    stop();
}

/* The stream to User broke: nothing is known then, and nothing is said until it is. */
Test(follow, goes_on_when_user_comes_back)
{
    add_posts(1, "u1", 10);
    add_posts(1, "u2", 10);
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &follow);
    struct fake_stream *g = open_follow(BIDI, &follow_u1);
    w.silent = true;
    post_world_lose_user(&w);
    change(0, 2, 'b');
    post_world_turns(&w, 10);
    cr_assert(with_filler(f, 'b') == 0 && with_filler(g, 'b') == 0);
    w.silent = false;
    POST_UNTIL(&w, with_filler(f, 'b') == 2 && with_filler(g, 'b') == 1);
    listing_hang_up(&w, f);
    listing_hang_up(&w, g);
    stop();
}

Test(follow, ends_with_its_user)
{
    add_posts(2, "u1", 10);
    add_posts(2, "u2", 10);
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &follow_u1);
    struct fake_stream *all = open_follow(SERVER_STREAM, &follow);
    const struct ask asks[] = { follow_u1, { .user = "u2", .follow = true } };
    struct fake_stream *both = listing_open(&w, BIDI, asks, 2);
    POST_UNTIL(&w, heard(both).caught_up == 2);
    post_world_tell(&w, "u1"); /* a word that changes nothing */
    post_world_turns(&w, 5);
    cr_assert(!f->closed);
    post_world_tell_gone(&w, "u1");
    expect_status(f, STATUS_NOT_FOUND, "USER_NOT_FOUND");
    POST_UNTIL(&w, last_message(both).errors == 1);
    cr_assert_eq(last_message(both).error_code, STATUS_NOT_FOUND);
    cr_assert_eq(last_message(both).error_index, 0);
    cr_assert(last_message(both).last && !all->closed);
    change(2, 3, 'b');
    POST_UNTIL(&w, last_message(both).n == 1 && last_message(all).n == 1);
    cr_assert_eq(last_message(both).index, 1);
    listing_hang_up(&w, both);
    listing_hang_up(&w, all);
    stop();
}

/* --- Its end ------------------------------------------------------------------------ */

static void hang_up_after(const struct ask *ask, enum shape shape, unsigned turns, bool window)
{
    struct fake_stream *f = listing_open(&w, shape, ask, 1);
    fake_stream_window(f, window);
    post_world_turns(&w, turns);
    listing_hang_up(&w, f);
}

/* While it lists, and later while it tells: what has changed comes in at every turn. */
Test(follow, forgets_a_client_that_goes_away)
{
    add_posts(100, "u1", 1000);
    add_posts(100, "x2", 1000);
    start();
    const struct ask asks[] = { follow, from_now, follow_u1, { .follow = true, .tag = "none" } };
    for (size_t i = 0; i < 4; i++)
        for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM)
            for (unsigned turns = 0; turns < 10; turns++) {
                hang_up_after(&asks[i], shape, turns, true);
                hang_up_after(&asks[i], shape, turns, false);
            }
    for (unsigned turns = 0; turns < 10; turns++)
        for (int window = 0; window < 2; window++) {
            struct fake_stream *f = open_follow(BIDI, &from_now);
            fake_stream_window(f, window);
            change(0, posts.n, (char)('b' + turns));
            post_world_turns(&w, turns);
            listing_hang_up(&w, f);
        }
    cr_assert_eq(counter_get(&w.env.feed.stats.followers), 0);
    stop();
}

Test(follow, forgets_a_client_that_goes_away_while_a_name_is_late)
{
    add_posts(1, "u1", 10);
    start();
    for (unsigned turns = 0; turns < 6; turns++) {
        char user[8];
        snprintf(user, sizeof user, "u%u", 10 + turns);
        struct fake_stream *f = open_follow(SERVER_STREAM, &follow);
        w.silent = true;
        hang_up_after(&(struct ask){ .user = user, .follow = true }, BIDI, turns, true);
        add_and_import(user);
        post_world_turns(&w, turns);
        listing_hang_up(&w, f);
        w.silent = false;
    }
    stop();
}

/* In whatever state a follow ends, its caller may have another. */
Test(follow, gives_its_place_back)
{
    const struct limits_options one = { .max_calls_per_caller = 1 };
    limits_init(&limits, &one);
    w.env.listing.follows = &limits;
    add_posts(20, "u1", 1000);
    start();
    for (unsigned turns = 0; turns < 8; turns++) {
        hang_up_after(&follow, BIDI, turns, true);
        struct fake_stream *f = open_follow(SERVER_STREAM, &follow);
        expect_status(listing_start(&w, SERVER_STREAM, &follow, 1), STATUS_RESOURCE_EXHAUSTED,
                      "TOO_MANY_FOLLOWS");
        change(0, posts.n, (char)('b' + turns));
        post_world_turns(&w, turns);
        listing_hang_up(&w, f);
        expect_status(
            listing_start(&w, SERVER_STREAM, &(struct ask){ .user = "x1", .follow = true }, 1),
            STATUS_NOT_FOUND, "USER_NOT_FOUND");
    }
    stop();
}

Test(follow, ends_when_the_server_stops)
{
    add_posts(200, "u1", 1000);
    start();
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM)
        for (unsigned turns = 0; turns < 8; turns++) {
            struct fake_stream *f = listing_open(&w, shape, &follow, 1);
            post_world_turns(&w, turns);
            fake_stream_drain(f);
            expect_status(f, STATUS_UNAVAILABLE, "SERVER_STOPPING");
            f = open_follow(shape, &follow);
            change(0, posts.n, (char)('b' + turns));
            post_world_turns(&w, turns);
            fake_stream_drain(f);
            expect_status(f, STATUS_UNAVAILABLE, "SERVER_STOPPING");
        }
    stop();
}

Test(follow, finishes_its_listing_when_the_server_stops)
{
    add_posts(200, "u1", 1000);
    start();
    struct fake_stream *f = listing_start(&w, SERVER_STREAM, &follow, 1);
    post_world_turns(&w, 2);
    cr_assert_lt(told(f), posts.n);
    fake_stream_drain(f);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_UNAVAILABLE);
    cr_assert_eq(a.nposts, posts.n);
    answer_free(&a);
    stop();
}

/* What was read behind it has an end. */
Test(follow, does_not_hold_up_the_answers_behind_it_when_the_server_stops)
{
    add_posts(3, "u1", 10);
    start();
    const struct ask asks[] = { from_now, { 0 } };
    for (unsigned turns = 0; turns < 8; turns++)
        for (int burst = 0; burst < 2; burst++) {
            struct fake_stream *f = listing_open(&w, BIDI, asks, 2);
            f->burst = burst;
            post_world_turns(&w, turns);
            const bool both = f->reads > 2;
            fake_stream_drain(f);
            struct answer a = listing_end(&w, f);
            cr_assert_eq(a.status.code, STATUS_UNAVAILABLE);
            cr_assert(a.nposts == 3 || !both, "turn %u", turns);
            answer_free(&a);
        }
    stop();
}

/* --- With too little memory: each allocation fails in turn -------------------------- */

static void expect_end_without_memory(const struct fake_stream *f, unsigned at)
{
    const enum status_code code = f->close_status.code;
    cr_assert(code == STATUS_RESOURCE_EXHAUSTED || code == STATUS_UNAVAILABLE,
              "allocation %u: %d %s", at, code, f->close_status.message);
}

static void stop_after(unsigned at)
{
    post_world_close(&w);
    w = (struct post_world){ 0 };
    cr_assert_eq(heap_live(), 0, "allocation %u: %zu blocks", at, heap_live());
}

static bool begins_with_failure(enum shape shape, const struct ask *ask, size_t expected,
                                unsigned at)
{
    heap_watch();
    start();
    struct fake_stream *f = listing_open(&w, shape, ask, 1);
    heap_fail_at(at);
    POST_UNTIL(&w, f->closed || (f->sent.n > 0 && last_message(f).errors > 0) ||
                       heard(f).caught_up == 1);
    const bool failed = heap_failed();
    heap_fail_at(0);
    if (f->closed)
        expect_end_without_memory(f, at);
    else if (heard(f).caught_up == 1)
        cr_assert_eq(told(f), expected, "allocation %u", at);
    listing_hang_up(&w, f);
    f = open_follow(shape, ask);
    cr_assert_eq(told(f), expected, "after allocation %u", at);
    listing_hang_up(&w, f);
    stop_after(at);
    return failed;
}

Test(follow_memory, to_begin)
{
    add_posts(60, "u1", 1000);
    add_posts(3, "x2", 10);
    const struct ask asks[] = { follow, follow_u1, from_now, { .user = "u3", .follow = true } };
    const size_t expected[] = { 63, 60, 0, 0 };
    for (size_t i = 0; i < 4; i++)
        for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
            unsigned at = 1;
            while (begins_with_failure(shape, &asks[i], expected[i], at))
                at++;
            cr_assert_gt(at, 5);
        }
    posts_free(&posts);
}

static struct fake_stream *open_import(const char *const *users, size_t n)
{
    V1__Post__ImportPostsRequest m = V1__POST__IMPORT_POSTS_REQUEST__INIT;
    V1__Post__PostMessage list[4], *pointers[4];
    struct fake_stream *f = fake_stream_open(w.loop, post_method("ImportPosts"));
    char ids[4][16];
    for (size_t i = 0; i < n; i++) {
        v1__post__post_message__init(&list[i]);
        snprintf(ids[i], sizeof ids[i], "p%zu", 900 + i);
        list[i].post_id = ids[i];
        list[i].user_id = (char *)users[i];
        list[i].body = (char *)"nn";
        pointers[i] = &list[i];
    }
    m.post_messages = pointers;
    m.n_post_messages = n;
    fake_stream_push_message(f, &m.base);
    fake_stream_end(f);
    return f;
}

/* What was committed is told, by this call or by the one that goes on where it ended. */
static bool told_with_failure(const struct ask *ask, size_t expected, unsigned at)
{
    static const char *const users[] = { "u1", "u5", "u1", "x2" };
    heap_watch();
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, ask);
    const size_t before = told(f);
    struct fake_stream *import = open_import(users, 4);
    heap_fail_at(at);
    POST_UNTIL(&w, import->closed);
    const bool committed = import->close_status.code == STATUS_OK;
    POST_UNTIL(&w, !committed || f->closed || told(f) == before + expected);
    const bool failed = heap_failed();
    heap_fail_at(0);
    if (f->closed)
        expect_end_without_memory(f, at);
    struct answer a = answer_read(f);
    const size_t after = since(ask, a.messages[a.n - 1].token).posts;
    cr_assert(a.nposts + after == before + expected || (!committed && a.nposts + after == before),
              "allocation %u: %zu and %zu posts, %s", at, a.nposts, after,
              import->close_status.message);
    answer_free(&a);
    listing_hang_up(&w, f);
    fake_stream_free(import);
    stop_after(at);
    return failed;
}

Test(follow_memory, to_tell)
{
    add_posts(3, "u1", 10);
    const struct ask asks[] = { follow, follow_u1 };
    const size_t expected[] = { 4, 2 };
    for (size_t i = 0; i < 2; i++) {
        unsigned at = 1;
        while (told_with_failure(&asks[i], expected[i], at))
            at++;
        cr_assert_gt(at, 5);
    }
    posts_free(&posts);
}

/* --- Many at once ------------------------------------------------------------------- */

/* Each of them is a way to User and back if it is asked for when its turn comes. */
Test(follow, names_of_the_next_changes_are_asked_for_together)
{
    enum { USERS = 60 };
    start();
    struct fake_stream *f = open_follow(SERVER_STREAM, &from_now);
    const size_t answered = w.answered, sent = f->sent.n;
    for (int i = 0; i < USERS; i++) {
        char user[8];
        snprintf(user, sizeof user, "u%d", i);
        add_posts(1, user, 10);
    }
    change(0, USERS, 'n');
    POST_UNTIL(&w, told(f) == USERS);
    cr_assert_leq(w.answered - answered, 3, "%zu requests", w.answered - answered);
    cr_assert_leq(f->sent.n - sent, 4, "%zu messages", f->sent.n - sent);
    listing_hang_up(&w, f);
    stop();
}

/* A client that always has another request in the queue hears of its follow as well. */
Test(follow, takes_turns_with_the_queue)
{
    enum { REQUESTS = 40 };
    const struct ask ask = { .page_size = 10 };
    add_posts(300, "u1", 1000);
    start();
    struct fake_stream *f = open_follow(BIDI, &from_now);
    fake_stream_window(f, false);
    for (int i = 0; i < REQUESTS; i++)
        listing_push(f, &ask);
    POST_UNTIL(&w, f->out.n > 0);
    change(0, 1, 'n');
    post_world_turns(&w, 5);
    fake_stream_window(f, true);
    fake_stream_end(f);
    size_t told_at = 0, last = 0;
    POST_UNTIL(&w, ({
        struct answer a = answer_read(f);
        last = 0;
        for (size_t i = 0; i < a.n; i++) {
            if (a.messages[i].index == 0 && a.messages[i].n > 0)
                told_at = i;
            last += a.messages[i].last;
        }
        answer_free(&a);
        last == REQUESTS;
    }));
    cr_assert_lt(told_at, f->sent.n / 10, "told in message %zu of %zu", told_at, f->sent.n);
    cr_assert_gt(told_at, 0);
    listing_hang_up(&w, f);
    stop();
}

/* User is away, and there is nothing to tell: nobody has to know. */
Test(follow, a_quiet_one_of_one_user_needs_no_name)
{
    add_posts(1, "u1", 10);
    w.options.timeout_ms = 50;
    start();
    w.env.listing.quiet_ms = 20;
    struct fake_stream *f = open_follow(SERVER_STREAM, &follow_u1);
    w.silent = true;
    post_world_lose_user(&w);
    POST_UNTIL(&w, heard(f).empty >= 6); /* for longer than a wait for a name */
    cr_assert_not(f->closed);
    listing_hang_up(&w, f);
    stop();
}

/* Ids of 250 bytes are gone from memory when they were told. */
Test(follow, keeps_no_ids_of_what_was_deleted)
{
    enum { POSTS = 200 };
    static char ids[POSTS][251];
    const char *list[POSTS];
    start();
    V1__Post__PostMessage *all = calloc(POSTS, sizeof *all);
    for (int i = 0; i < POSTS; i++) {
        memset(ids[i], 'i', 250);
        snprintf(ids[i], 8, "%07d", i);
        ids[i][7] = 'i';
        list[i] = ids[i];
        v1__post__post_message__init(&all[i]);
        all[i].post_id = ids[i];
        all[i].user_id = "u1";
    }
    post_world_import(&w, all, POSTS);
    free(all);
    struct fake_stream *f = open_follow(SERVER_STREAM, &from_now);
    heap_watch();
    post_world_delete(&w, list, POSTS);
    POST_UNTIL(&w, heard(f).deleted == POSTS);
    POST_UNTIL(&w, f->out.n == 0);
    cr_assert_eq(heap_live(), 0, "%zu blocks are kept", heap_live());
    listing_hang_up(&w, f);
    stop();
}
