/* How listings wait, stop and end: for names, for a reader that stops, for
 * their turn; at the end of a call, of a client, of the server. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/late_reader.h"
#include "lib/listing_calls.h"

static struct post_world w;
static struct posts posts;

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
}

static void add_posts(size_t n, const char *user, size_t len)
{
    for (size_t i = 0; i < n; i++)
        posts_add(&posts, user, len, "");
}

static void expect_listing(struct answer *a, const char *user)
{
    size_t n;
    uint32_t *expected = posts_expect(&posts, user, NULL, &n);
    cr_assert_eq(a->nposts, n, "%zu posts, expected %zu", a->nposts, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(a->posts[i], expected[i], "place %zu", i);
    free(expected);
    answer_free(a);
}

static void expect_ok(struct fake_stream *f, const char *user)
{
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_OK, "%s", a.status.message);
    expect_listing(&a, user);
}

static void expect_end(struct fake_stream *f, enum status_code code, size_t nposts)
{
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, code, "%s", a.status.message);
    cr_assert_eq(a.nposts, nposts, "%zu posts", a.nposts);
    answer_free(&a);
}

static size_t sent_posts(const struct fake_stream *f)
{
    struct answer a = answer_read(f);
    const size_t n = a.nposts;
    answer_free(&a);
    return n;
}

static const struct ask all = { 0 };

static const struct ask *ask_of(const char *user)
{
    static struct ask ask;
    ask = (struct ask){ .user = user };
    return &ask;
}

/* --- Names that are late ------------------------------------------------------------ */

Test(listing_flow, sends_what_is_ready_before_it_waits_for_a_name)
{
    add_posts(3, "u1", 10);
    add_posts(4, "u2", 10);
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
        start();
        w.silent = true;
        struct fake_stream *f = listing_start(&w, shape, &all, 1);
        post_world_turns(&w, 8);
        cr_assert_eq(f->sent.n, 0);
        post_world_tell(&w, "u1");
        POST_UNTIL(&w, f->sent.n == 1);
        cr_assert_eq(sent_posts(f), 3);
        post_world_turns(&w, 8);
        cr_assert(f->sent.n == 1 && !f->s.finished);
        post_world_tell(&w, "u2");
        expect_ok(f, NULL);
        post_world_close(&w);
        memset(&w, 0, sizeof w);
    }
    posts_free(&posts);
}

Test(listing_flow, waits_for_the_name_of_one_user)
{
    add_posts(3, "u1", 10);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        char user[2][24] = { "u1", "" };
        snprintf(user[1], sizeof user[1], "u9%d", shape);
        w.silent = true;
        struct fake_stream *f = listing_start(&w, shape, ask_of(user[shape > 0]), 1);
        post_world_turns(&w, 8);
        cr_assert_eq(f->out.n + f->sent.n, 0);
        w.silent = false;
        expect_ok(f, user[shape > 0]);
    }
    stop();
}

/* The post comes into the group before the one whose name the listing waits
 * for, so the listing goes back to it. */
Test(listing_flow, goes_back_to_a_post_that_was_imported_meanwhile)
{
    static const char *const users[] = { "u1", "u2", "u3" };
    for (size_t i = 0; i < 3; i++)
        add_posts(1, users[i], 10);
    w.silent = true;
    start();
    struct fake_stream *f = listing_start(&w, SERVER_STREAM, &all, 1);
    post_world_turns(&w, 5);
    post_world_tell(&w, "u1");
    POST_UNTIL(&w, sent_posts(f) == 1);
    add_posts(1, "u1", 10);
    posts_refill(&w, &posts, 3, 4, 'b');
    post_world_tell(&w, "u2");
    POST_UNTIL(&w, sent_posts(f) == 3);
    w.silent = false; /* and u3 must not have been asked for twice */
    expect_ok(f, NULL);
    stop();
}

Test(listing_flow, ends_when_a_name_does_not_come)
{
    w.options.timeout_ms = 30;
    add_posts(3, "u1", 10);
    add_posts(4, "u2", 10);
    start();
    w.silent = true;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct fake_stream *f = listing_start(&w, shape, &all, 1);
        post_world_tell(&w, "u1");
        struct answer a = listing_end(&w, f);
        cr_assert_eq(a.status.code, STATUS_UNAVAILABLE);
        cr_assert_not_null(strstr(a.status.message, "User is unreachable"));
        const bool single = shape == UNARY || shape == CLIENT_STREAM;
        cr_assert_eq(a.nposts, single ? 0 : 3, "what was ready stands");
        answer_free(&a);
    }
    stop();
}

Test(listing_flow, goes_on_when_user_comes_back)
{
    add_posts(3, "u1", 10);
    add_posts(4, "u2", 10);
    start();
    w.silent = true;
    struct fake_stream *f = listing_start(&w, SERVER_STREAM, &all, 1);
    post_world_turns(&w, 5); /* it has asked for the names */
    post_world_tell(&w, "u1");
    POST_UNTIL(&w, f->sent.n == 1);
    post_world_lose_user(&w);
    w.silent = false;
    expect_ok(f, NULL);
    stop();
}

/* --- A reader that stops ------------------------------------------------------------ */

/* What is read after the posts were changed has the new text: so it shows how
 * far the listing had read. */
static size_t bytes_before_change(const struct fake_stream *f)
{
    size_t bytes = 0;
    for (const struct fake_message *m = f->sent.first; m != NULL; m = m->next) {
        V1__Post__ListPostsResponse *r =
            v1__post__list_posts_response__unpack(NULL, m->bytes.len, m->bytes.data);
        for (size_t i = 0; i < r->n_post_messages; i++)
            if (r->post_messages[i]->body[0] == 'a')
                bytes += strlen(r->post_messages[i]->body);
        v1__post__list_posts_response__free_unpacked(r, NULL);
    }
    return bytes;
}

static void check_stopped_reader(enum shape shape, int32_t page_size)
{
    struct ask ask = { .page_size = page_size };
    add_posts(1000, "u1", 1000);
    add_posts(1000, "u2", 1000);
    start();
    struct fake_stream *f = listing_start(&w, shape, &ask, 1);
    fake_stream_window(f, false);
    POST_UNTIL(&w, f->out.n > 0);
    post_world_turns(&w, 64);
    cr_assert_eq(f->sent.n, 0);
    cr_assert_leq(f->held, FAKE_QUEUE_MAX);
    posts_refill(&w, &posts, 0, posts.n, 'b');
    fake_stream_window(f, true);
    POST_UNTIL(&w, f->closed);
    cr_assert_leq(bytes_before_change(f), 4 * 1024 + 48 * 1024 + 2000, "two chunks");
    expect_ok(f, NULL);
    stop();
}

Test(listing_flow, reads_no_further_than_two_chunks_in_a_server_stream)
{
    check_stopped_reader(SERVER_STREAM, 0);
}

Test(listing_flow, reads_no_further_than_two_chunks_in_a_bidi_stream)
{
    check_stopped_reader(BIDI, 0);
}

Test(listing_flow, reads_no_further_than_two_chunks_in_small_messages)
{
    check_stopped_reader(SERVER_STREAM, 1);
}

/* The window opens for a moment, again and again. */
Test(listing_flow, goes_on_after_every_stop)
{
    add_posts(500, "u1", 1000);
    add_posts(300, "u2", 500);
    start();
    for (int32_t page_size = 0; page_size <= 3; page_size += 3) {
        struct ask ask = { .page_size = page_size };
        struct fake_stream *f = listing_start(&w, SERVER_STREAM, &ask, 1);
        while (!f->closed) {
            fake_stream_window(f, false);
            post_world_turns(&w, 3);
            fake_stream_window(f, true);
            post_world_turns(&w, 1);
        }
        expect_ok(f, NULL);
    }
    stop();
}

/* --- Requests ahead of answers ------------------------------------------------------ */

/* More than are read ahead, whatever the engine. */
#define REQUESTS 600

static size_t ahead(void)
{
    return reader_fetches(w.env.listing.reader) ? 512 : 64;
}

Test(listing_flow, reads_some_requests_ahead_and_no_more)
{
    struct ask asks[REQUESTS];
    add_posts(10, "u1", 1000);
    start();
    for (int i = 0; i < REQUESTS; i++)
        asks[i] = (struct ask){ .user = "u1" };
    struct fake_stream *f = listing_start(&w, BIDI, asks, REQUESTS);
    fake_stream_window(f, false);
    post_world_turns(&w, 2 * REQUESTS);
    cr_assert_geq(f->reads, ahead());
    cr_assert_leq(f->reads, ahead() + 1, "%zu messages were asked for", f->reads);
    fake_stream_window(f, true);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_OK);
    cr_assert_eq(a.nposts, REQUESTS * 10);
    cr_assert_eq(a.messages[a.n - 1].index, REQUESTS - 1);
    for (size_t i = 0; i < a.nposts; i++)
        cr_assert_eq(a.posts[i], i % 10);
    answer_free(&a);
    stop();
}

Test(listing_flow, reads_some_requests_while_a_name_is_late)
{
    struct ask asks[REQUESTS];
    char users[REQUESTS][24];
    start();
    w.silent = true;
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(users[i], sizeof users[i], "u%d", i);
        asks[i] = (struct ask){ .user = users[i] };
    }
    struct fake_stream *f = listing_start(&w, BIDI, asks, REQUESTS);
    post_world_turns(&w, 2 * REQUESTS);
    cr_assert_eq(f->reads, ahead());
    w.silent = false;
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.n, REQUESTS);
    cr_assert_eq(w.nasked, REQUESTS, "each once");
    cr_assert_leq(w.answered, REQUESTS / 2, "asked for ahead, many at once");
    answer_free(&a);
    stop();
}

/* Small answers do not pile up: they too wait for room. */
Test(listing_flow, bounds_small_answers_that_cannot_leave)
{
    const struct ask bad = { .page_size = -1 };
    start();
    struct fake_stream *f = listing_open(&w, BIDI, &bad, 1);
    fake_stream_window(f, false);
    for (int i = 1; i < 5000; i++)
        listing_push(f, &bad);
    fake_stream_end(f);
    post_world_turns(&w, 6000);
    cr_assert_lt(f->reads, 2000);
    fake_stream_window(f, true);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_OK);
    cr_assert_eq(a.n, 5000);
    for (int i = 0; i < 5000; i++)
        cr_assert(a.messages[i].index == i && a.messages[i].errors == 1 && a.messages[i].last);
    answer_free(&a);
    stop();
}

Test(listing_flow, answers_before_the_client_has_ended)
{
    add_posts(3, "u1", 10);
    start();
    struct fake_stream *f = listing_open(&w, BIDI, ask_of("u1"), 1);
    POST_UNTIL(&w, f->sent.n == 1);
    for (size_t i = 2; i < 10; i++) {
        listing_push(f, ask_of("u1"));
        POST_UNTIL(&w, f->sent.n == i);
    }
    cr_assert(!f->s.finished);
    fake_stream_end(f);
    expect_end(f, STATUS_OK, 9 * 3);
    stop();
}

/* Their answers are one run: nothing goes out before the last that has come. */
Test(listing_flow, answers_together_what_comes_together)
{
    struct ask asks[20];
    if (late_wanted())
        cr_skip_test("what comes together is not fetched together by that reader");
    add_posts(3, "u1", 10);
    start();
    expect_ok(listing_start(&w, BIDI, ask_of("u1"), 1), "u1"); /* the name is known */
    for (int i = 0; i < 20; i++)
        asks[i] = (struct ask){ .user = "u1" };
    struct fake_stream *f = listing_open(&w, BIDI, asks, 20);
    f->burst = true;
    POST_UNTIL(&w, f->sent.n == 20);
    for (size_t i = 0; i < 20; i++)
        cr_assert_eq(fake_stream_sent(f, i)->behind, 19 - i);
    fake_stream_end(f);
    expect_end(f, STATUS_OK, 20 * 3);
    stop();
}

/* A request's index is an int32: when they are used up the stream ends, after
 * the answers to those before. */
Test(listing_flow, ends_a_stream_before_its_index_wraps)
{
    add_posts(3, "u1", 10);
    w.env.listing.first_index = INT32_MAX - 2;
    start();
    for (enum shape shape = CLIENT_STREAM; shape <= BIDI; shape++) {
        for (int extra = 0; extra < 2; extra++) {
            const struct ask asks[] = { *ask_of("u1"), *ask_of("u1"), *ask_of("u1"),
                                        *ask_of("u1") };
            struct answer a = listing_end(&w, listing_start(&w, shape, asks, 3u + (unsigned)extra));
            cr_assert_eq(a.status.code, extra ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK, "%s",
                         a.status.message);
            cr_assert_str_eq(a.status.reason, extra ? "TOO_MANY_REQUESTS" : "");
            cr_assert_eq(a.nposts, shape == BIDI || !extra ? 9 : 0);
            if (a.n > 0)
                cr_assert_eq(a.messages[a.n - 1].index, INT32_MAX);
            answer_free(&a);
        }
    }
    stop();
}

/* --- The client goes away
 * ------------------------------------------------------------------------- */

static void hang_up_after(enum shape shape, const struct ask *ask, unsigned turns, bool window)
{
    struct fake_stream *f = listing_open(&w, shape, ask, 1);
    if (!window)
        fake_stream_window(f, false);
    post_world_turns(&w, turns);
    listing_hang_up(&w, f);
}

/* After any number of turns, so in every state; stop() looks for leaks and at
 * the budget. */
Test(listing_flow, forgets_a_client_that_goes_away)
{
    add_posts(300, "u1", 1000);
    add_posts(300, "x2", 1000);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        for (unsigned turns = 0; turns < 12; turns++) {
            hang_up_after(shape, &all, turns, true);
            hang_up_after(shape, &all, turns, false);
            hang_up_after(shape, ask_of("u1"), turns, false);
        }
    }
    stop();
}

Test(listing_flow, forgets_a_client_that_goes_away_while_a_name_is_late)
{
    char user[24];
    add_posts(3, "u1", 10);
    start();
    w.silent = true;
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        for (unsigned turns = 0; turns < 6; turns++) {
            snprintf(user, sizeof user, "u%d%u", shape, turns);
            hang_up_after(shape, &all, turns, true);
            hang_up_after(shape, ask_of(user), turns, true);
        }
    }
    stop();
}

Test(listing_flow, forgets_a_client_that_goes_away_in_a_long_scan)
{
    struct ask ask = { .tag = "rare" };
    add_posts(12, "u1", 1000 * 1000);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++)
        for (unsigned turns = 0; turns < 8; turns++)
            hang_up_after(shape, &ask, turns, true);
    stop();
}

/* --- The server stops --------------------------------------------------------------- */

Test(listing_flow, ends_idle_bidi_streams_when_the_server_stops)
{
    add_posts(3, "u1", 10);
    start();
    struct fake_stream *f = listing_open(&w, BIDI, &all, 1);
    POST_UNTIL(&w, f->sent.n == 1);
    post_world_turns(&w, 3);
    fake_stream_drain(f);
    expect_end(f, STATUS_UNAVAILABLE, 3);
    f = listing_open(&w, BIDI, &all, 0); /* and one that never asked */
    fake_stream_drain(f);
    expect_end(f, STATUS_UNAVAILABLE, 0);
    stop();
}

Test(listing_flow, finishes_answers_when_the_server_stops)
{
    add_posts(300, "u1", 1000);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        for (unsigned turns = 0; turns < 6; turns++) {
            struct fake_stream *f = listing_start(&w, shape, ask_of("u1"), 1);
            post_world_turns(&w, turns);
            fake_stream_drain(f);
            struct answer a = listing_end(&w, f);
            /* Whether a bidi stream's end was seen before the server's is open. */
            cr_assert(a.status.code == STATUS_OK ||
                      (shape == BIDI && a.status.code == STATUS_UNAVAILABLE));
            expect_listing(&a, "u1");
        }
    }
    stop();
}

Test(listing_flow, finishes_a_scan_when_the_server_stops)
{
    struct ask ask = { .tag = "rare" };
    add_posts(12, "u1", 1000 * 1000);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct fake_stream *f = listing_start(&w, shape, &ask, 1);
        post_world_turns(&w, 2);
        cr_assert(!f->s.finished);
        fake_stream_drain(f);
        expect_end(f, STATUS_OK, 0);
    }
    stop();
}

Test(listing_flow, waits_for_a_name_when_the_server_stops)
{
    add_posts(3, "u1", 10);
    start();
    w.silent = true;
    struct fake_stream *f = listing_open(&w, BIDI, ask_of("u1"), 1);
    post_world_turns(&w, 4);
    fake_stream_drain(f);
    post_world_turns(&w, 4);
    cr_assert(!f->s.finished);
    w.silent = false;
    expect_end(f, STATUS_UNAVAILABLE, 3);
    stop();
}

/* The answer is complete, but a slow reader has not taken it yet. */
Test(listing_flow, delivers_answers_before_it_ends_an_idle_stream)
{
    add_posts(100, "u1", 1000);
    start();
    for (int drain_late = 0; drain_late < 2; drain_late++) {
        struct fake_stream *f = listing_open(&w, BIDI, &(struct ask){ .page_size = 10 }, 1);
        fake_stream_window(f, false);
        post_world_turns(&w, drain_late ? 8 : 1);
        fake_stream_drain(f);
        post_world_turns(&w, 8);
        fake_stream_window(f, true);
        expect_end(f, STATUS_UNAVAILABLE, 100);
    }
    stop();
}

/* A client that always has another question does not hold the server up. */
Test(listing_flow, takes_no_more_requests_when_the_server_stops)
{
    add_posts(3, "u1", 10);
    start();
    w.silent = true;
    struct fake_stream *f = listing_open(&w, BIDI, ask_of("u1"), 1);
    post_world_turns(&w, 4);
    fake_stream_drain(f);
    post_world_turns(&w, 1);
    w.silent = false;
    for (int i = 0; i < 200 && !f->s.finished; i++) {
        listing_push(f, ask_of("u1"));
        post_world_turns(&w, 1);
    }
    cr_assert(f->s.finished);
    cr_assert_leq(f->reads, 2, "%zu", f->reads);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_UNAVAILABLE);
    cr_assert_eq(a.nposts, 3 * a.n, "what was taken is answered");
    answer_free(&a);
    stop();
}

/* --- Streams that fail
 * ---------------------------------------------------------------------------- */

Test(listing_flow, keeps_the_answers_before_bytes_that_are_no_request)
{
    add_posts(3, "u1", 10);
    start();
    struct fake_stream *f = listing_open(&w, BIDI, &all, 1);
    listing_push(f, &all);
    POST_UNTIL(&w, f->sent.n == 2);
    fake_stream_push(f, bytes_of("\x0a\xff", 2));
    listing_push(f, &all);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_INVALID_ARGUMENT);
    cr_assert_not_null(strstr(a.status.message, "v1.post.ListPostsRequest"), "%s",
                       a.status.message);
    cr_assert_eq(a.nposts, 6);
    answer_free(&a);
    stop();
}

static void push_garbage_after(unsigned turns, const struct ask *ask, bool window)
{
    struct fake_stream *f = listing_open(&w, BIDI, ask, 1);
    if (!window)
        fake_stream_window(f, false);
    post_world_turns(&w, turns);
    fake_stream_push(f, bytes_of("\x0a\xff", 2));
    POST_UNTIL(&w, f->s.finished);
    w.silent = false;
    post_world_turns(&w, 4);
    fake_stream_window(f, true);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_INVALID_ARGUMENT);
    answer_free(&a);
}

Test(listing_flow, ends_over_garbage_in_every_state)
{
    char user[24];
    struct ask scan = { .tag = "rare" };
    add_posts(100, "u1", 1000);
    add_posts(5, "u1", 1000 * 1000);
    start();
    for (unsigned turns = 0; turns < 6; turns++) {
        snprintf(user, sizeof user, "u9%u", turns);
        w.silent = true;
        push_garbage_after(turns, ask_of(user), true);
        push_garbage_after(turns, &all, true);
        push_garbage_after(turns, &all, false);
        push_garbage_after(turns, &scan, true);
    }
    stop();
}

static int broken_send_run(struct stream *s, struct buf *b, size_t from, size_t len,
                           size_t messages, unsigned flags)
{
    (void)s;
    (void)b;
    (void)from;
    (void)len;
    (void)messages;
    (void)flags;
    return EPIPE;
}

/* The stream is over but on_close is still to come: the listing waits for it. */
Test(listing_flow, rests_when_the_stream_is_over)
{
    add_posts(300, "u1", 1000);
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct fake_stream *f = listing_open(&w, shape, &all, 1);
        struct stream_ops broken = *f->s.ops;
        broken.send_run = broken_send_run;
        f->s.ops = &broken;
        if (many_asks(shape))
            fake_stream_end(f);
        post_world_turns(&w, 20);
        listing_hang_up(&w, f);
    }
    stop();
}

/* --- How messages are handed over
 * ------------------------------------------------------------------ */

/* Small messages go to the stream as runs; LAST is on the last one only, so that
 * the status goes with it. */
Test(listing_flow, hands_small_messages_over_together)
{
    add_posts(200, "u1", 100);
    start();
    struct ask ask = { .page_size = 1 };
    struct fake_stream *f = listing_start(&w, SERVER_STREAM, &ask, 1);
    POST_UNTIL(&w, f->closed);
    size_t runs = 0, i = 0;
    for (const struct fake_message *m = f->sent.first; m != NULL; m = m->next, i++) {
        cr_assert_eq(m->flags, m->next == NULL ? STREAM_LAST : 0, "message %zu", i);
        runs += m->behind == 0;
    }
    cr_assert_eq(i, 200);
    cr_assert_lt(runs, 15, "a small chunk, and then larger ones");
    expect_ok(f, NULL);
    stop();
}

Test(listing_flow, writes_each_answer_of_a_slow_dialogue_at_once)
{
    add_posts(2, "u1", 100);
    start();
    struct fake_stream *f = listing_open(&w, BIDI, &all, 1);
    POST_UNTIL(&w, f->sent.n == 1);
    cr_assert_eq(f->sent.first->flags, 0);
    cr_assert_eq(f->sent.first->behind, 0);
    fake_stream_end(f);
    expect_ok(f, NULL);
    stop();
}
