/* A store that has to fetch what is read, a few records at a time: the answers are those
 * of one that has everything at hand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/late_reader.h"
#include "lib/listing_calls.h"

static struct post_world w;
static struct posts posts;

static void start(size_t block)
{
    for (int i = 0; i < 40; i++) {
        char user[8];
        snprintf(user, sizeof user, "u%d", i * i % 7);
        posts_add(&posts, user, 10 + (size_t)i * 50 % 700, i % 3 == 0 ? "x" : "");
    }
    w = (struct post_world){ .late_block = block };
    post_world_open(&w);
    posts_import(&w, &posts);
}

static void stop(void)
{
    posts_free(&posts);
    post_world_close(&w);
}

static void expect(enum shape shape, const char *user, const char *tag)
{
    size_t n;
    uint32_t *expected = posts_expect(&posts, user, tag, &n);
    struct answer a = listing_one(&w, shape, (struct ask){ .user = user, .tag = tag });
    cr_assert_eq(a.nposts, n, "shape %d: %zu posts of %zu", shape, a.nposts, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(a.posts[i], expected[i]);
    free(expected);
    answer_free(&a);
}

Test(late, answers_are_the_same_in_every_shape_and_block)
{
    for (size_t block = 1; block <= 5; block++) {
        start(block);
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            expect(shape, NULL, NULL);
            expect(shape, NULL, "x");
            expect(shape, "u2", NULL);
            expect(shape, "u4", "x");
            expect(shape, "u6", NULL); /* has none */
        }
        stop();
    }
}

Test(late, pages_and_limits_go_on_where_they_stopped)
{
    start(2);
    struct ask ask = { .page_size = 3 };
    size_t n, at = 0;
    uint32_t *expected = posts_expect(&posts, NULL, NULL, &n);
    char token[64] = "";
    do {
        ask.token = token;
        struct answer a = listing_one(&w, UNARY, ask);
        for (size_t i = 0; i < a.nposts; i++)
            cr_assert_eq(a.posts[i], expected[at++]);
        snprintf(token, sizeof token, "%s", a.messages[0].token);
        answer_free(&a);
    } while (token[0] != '\0');
    cr_assert_eq(at, n);
    free(expected);
    stop();
}

/* Those that are read ahead are asked for ahead, not when it is their turn. */
Test(late, requests_of_a_stream_are_fetched_while_others_are)
{
    enum { N = 20 };
    struct ask asks[N];
    start(100);
    expect(BIDI, "u1", NULL); /* the name is known */
    for (size_t i = 0; i < N; i++)
        asks[i] = (struct ask){ .user = "u1" };
    struct fake_stream *f = listing_open(&w, BIDI, asks, N);
    f->burst = true;
    const size_t before = late_fetches();
    POST_UNTIL(&w, late_fetches() == before + N);
    cr_assert_eq(f->sent.n, 0, "nothing was answered when the last one was asked for");
    fake_stream_end(f);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.n, N);
    answer_free(&a);
    stop();
}

/* Wherever a client goes away, nothing of it is left, and nothing comes for it. */
Test(late, a_client_may_leave_at_every_turn)
{
    for (unsigned turns = 0; turns < 40; turns++) {
        start(1);
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            struct ask ask = { .user = shape % 2 ? "u1" : NULL };
            struct fake_stream *f = listing_start(&w, shape, &ask, 1);
            post_world_turns(&w, turns);
            listing_hang_up(&w, f);
        }
        post_world_turns(&w, 3);
        stop();
    }
}

/* --- Follows ------------------------------------------------------------------------ */

/* What it has read first is older than what it hears of last, which was told before it
 * listened. The user has no posts before. */
Test(late, a_follow_hears_of_what_came_while_it_fetched)
{
    const struct ask from_now = { .user = "u9", .follow = true, .from_now = true };
    start(100);
    expect(UNARY, "u9", NULL); /* the name is known */
    const size_t before = late_fetches();
    late_hold(true);
    struct fake_stream *f = listing_open(&w, SERVER_STREAM, &from_now, 1);
    POST_UNTIL(&w, late_fetches() > before);
    posts_add(&posts, "u9", 10, "");
    posts_refill(&w, &posts, posts.n - 1, posts.n, 'n');
    post_world_turns(&w, 3);
    late_hold(false);
    POST_UNTIL(&w, f->sent.n == 2);
    struct answer a = answer_read(f);
    cr_assert(a.messages[0].caught_up);
    cr_assert_eq(a.nposts, 1);
    answer_free(&a);
    listing_hang_up(&w, f);
    stop();
}
