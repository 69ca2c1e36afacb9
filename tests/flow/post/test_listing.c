/* What the listings answer, the same in all four shapes: sets, order, pages,
 * tokens, limits, filters, names and errors. How they wait, stop and end is in
 * test_listing_flow.c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

static uint32_t chance(void) /* the same in every run */
{
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* @n posts by 20 users, one of whom User does not know. */
static void make_posts(size_t n, size_t max_len)
{
    char user[24];
    for (size_t i = 0; i < n; i++) {
        const uint32_t u = chance() % 20;
        snprintf(user, sizeof user, "%c%u", u == 7 ? 'x' : 'u', u);
        const size_t len = chance() % 16 == 0 ? max_len : 500;
        posts_add(&posts, user, 10 + chance() % len, i % 9 == 4 ? "rare" : "");
    }
}

static void expect_posts(const struct answer *a, const uint32_t *expected, size_t n)
{
    cr_assert_eq(a->nposts, n, "%zu posts, expected %zu", a->nposts, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(a->posts[i], expected[i], "place %zu", i);
}

static void expect_listing(const struct answer *a, const char *user, const char *tag)
{
    size_t n;
    uint32_t *expected = posts_expect(&posts, user, tag, &n);
    expect_posts(a, expected, n);
    free(expected);
}

/* One answer of a stream: `last` ends it, and every other message has a token. */
static void expect_well_formed(const struct answer *a, const struct ask *ask, int64_t total)
{
    cr_assert_gt(a->n, 0);
    for (size_t i = 0; i < a->n; i++) {
        const struct got *m = &a->messages[i];
        cr_assert_eq(m->last, i + 1 == a->n);
        cr_assert(m->last || m->token[0] != '\0', "message %zu has no token", i);
        cr_assert(m->last || m->n > 0, "message %zu has no posts", i);
        cr_assert(ask->page_size == 0 || m->n <= (size_t)ask->page_size);
        cr_assert_eq(m->index, 0);
        cr_assert_eq(m->total, i == 0 ? total : 0);
        cr_assert_eq(m->errors, 0);
    }
}

/* Page after page, as a client does it. */
static struct answer all_pages(enum shape shape, struct ask ask)
{
    char token[64];
    struct answer a = listing_one(&w, shape, ask);
    snprintf(token, sizeof token, "%s", a.messages[0].token);
    while (token[0] != '\0') {
        ask.token = token;
        struct answer more = listing_one(&w, shape, ask);
        cr_assert_eq(more.n, 1);
        cr_assert(more.nposts <= (size_t)ask.page_size);
        cr_assert_eq(more.messages[0].index, 0);
        snprintf(token, sizeof token, "%s", more.messages[0].token);
        answer_append(&a, &more);
    }
    return a;
}

/* --- Sets, order and pages ---------------------------------------------------------- */

static void check_shape(enum shape shape, struct ask ask, int64_t total)
{
    const bool single = shape == UNARY || shape == CLIENT_STREAM;
    struct answer a =
        single && ask.page_size > 0 ? all_pages(shape, ask) : listing_one(&w, shape, ask);
    expect_listing(&a, ask.user, ask.tag);
    expect_well_formed(&a, &ask, total);
    cr_assert(!single || a.n == 1);
    if (single && ask.page_size > 0 && posts.n > 100 && ask.user == NULL && ask.page_size < 100)
        cr_assert_eq(a.messages[0].n, (size_t)ask.page_size);
    answer_free(&a);
}

static void check_shapes(struct ask ask, int64_t total)
{
    const int32_t page_sizes[] = { 0, 1, 2, 7, 1000, INT32_MAX };
    for (size_t i = 0; i < sizeof page_sizes / sizeof *page_sizes; i++) {
        ask.page_size = page_sizes[i];
        for (enum shape shape = 0; shape < SHAPES; shape++)
            check_shape(shape, ask, total);
    }
}

Test(listing, lists_all_posts_in_order)
{
    make_posts(300, 3000);
    start();
    check_shapes((struct ask){ 0 }, 300);
    stop();
}

Test(listing, lists_posts_of_every_size)
{
    make_posts(150, 200 * 1024);
    start();
    check_shapes((struct ask){ 0 }, 150);
    stop();
}

Test(listing, lists_the_posts_of_each_user)
{
    char user[24];
    make_posts(200, 3000);
    start();
    for (unsigned u = 0; u < 20; u++) {
        snprintf(user, sizeof user, "u%u", u);
        if (u != 7)
            check_shapes((struct ask){ .user = user }, 0);
    }
    stop();
}

Test(listing, lists_nothing_where_there_is_nothing)
{
    start();
    check_shapes((struct ask){ 0 }, 0);
    check_shapes((struct ask){ .user = "u1" }, 0);
    check_shapes((struct ask){ .tag = "rare" }, 0);
    stop();
}

Test(listing, filters_by_tag)
{
    make_posts(300, 3000);
    start();
    check_shapes((struct ask){ .user = "u3", .tag = "rare" }, 0);
    struct ask ask = { .tag = "rare" };
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct answer a = listing_one(&w, shape, ask);
        expect_listing(&a, NULL, "rare");
        expect_well_formed(&a, &ask, 0);
        answer_free(&a);
    }
    stop();
}

/* The first one is small; then a message is a quarter of what has gone out, up to
 * 96 KiB. The two before may be on their way yet. */
Test(listing, messages_grow_with_what_has_gone_out)
{
    size_t sent = 0, largest = 0;
    for (int i = 0; i < 6000; i++)
        posts_add(&posts, "u1", 900, "");
    start();
    struct answer a = listing_one(&w, SERVER_STREAM, (struct ask){ 0 });
    cr_assert_lt(a.messages[0].bytes, 6 * 1024);
    for (size_t i = 0; i < a.n; i++) {
        const size_t bytes = a.messages[i].bytes;
        if (i + 1 < a.n)
            cr_assert_geq(bytes, 4 * 1024);
        if (bytes > 6 * 1024)
            cr_assert_lt(bytes, sent / 4 + 2 * 1024);
        largest = bytes > largest ? bytes : largest;
        sent += bytes;
    }
    cr_assert_gt(largest, 96 * 1024);
    cr_assert_lt(largest, 98 * 1024);
    answer_free(&a);
    stop();
}

Test(listing, answers_each_request_of_a_bidi_stream_in_order)
{
    char user[300][24];
    struct ask asks[300];
    make_posts(200, 3000);
    start();
    for (int i = 0; i < 300; i++) {
        snprintf(user[i], sizeof user[i], "u%u", chance() % 30); /* some have no posts */
        asks[i] = (struct ask){ .user = strcmp(user[i], "u7") == 0 ? "u8" : user[i],
                                .page_size = (int32_t)(chance() % 5) };
    }
    struct answer a = listing_call(&w, BIDI, asks, 300);
    cr_assert_eq(a.status.code, STATUS_OK);
    size_t m = 0;
    for (int i = 0; i < 300; i++) {
        size_t n, got = 0;
        uint32_t *expected = posts_expect(&posts, asks[i].user, NULL, &n);
        for (bool last = false; !last; m++) {
            cr_assert_lt(m, a.n);
            cr_assert_eq(a.messages[m].index, i);
            for (size_t k = 0; k < a.messages[m].n; k++)
                cr_assert_eq(a.posts[a.messages[m].from + k], expected[got++]);
            last = a.messages[m].last;
        }
        cr_assert_eq(got, n);
        free(expected);
    }
    cr_assert_eq(m, a.n);
    answer_free(&a);
    stop();
}

Test(listing, concatenates_the_requests_of_a_client_stream)
{
    const struct ask asks[] = { { .user = "u3" },
                                { .user = "u1", .limit = 2 },
                                { .user = "u3", .tag = "rare" },
                                { .user = "u99" } };
    make_posts(200, 3000);
    start();
    struct answer a = listing_call(&w, CLIENT_STREAM, asks, 4);
    size_t n3, n1, nrare;
    uint32_t *u3 = posts_expect(&posts, "u3", NULL, &n3);
    uint32_t *u1 = posts_expect(&posts, "u1", NULL, &n1);
    uint32_t *rare = posts_expect(&posts, "u3", "rare", &nrare);
    uint32_t *expected = calloc(n3 + 2 + nrare, sizeof *expected);
    memcpy(expected, u3, n3 * sizeof *u3);
    memcpy(expected + n3, u1, 2 * sizeof *u1);
    memcpy(expected + n3 + 2, rare, nrare * sizeof *rare);
    expect_posts(&a, expected, n3 + 2 + nrare);
    cr_assert_eq(a.n, 1);
    cr_assert(a.messages[0].last);
    cr_assert_str_empty(a.messages[0].token);
    cr_assert_eq(a.messages[0].index, 3);
    answer_free(&a);
    free(expected);
    free(rare);
    free(u1);
    free(u3);
    stop();
}

Test(listing, answers_a_stream_without_requests)
{
    const struct ask kind = { 0 };
    start();
    struct answer a = listing_call(&w, CLIENT_STREAM, &kind, 0);
    cr_assert_eq(a.status.code, STATUS_OK);
    cr_assert_eq(a.n, 1);
    cr_assert(a.messages[0].last);
    answer_free(&a);
    a = listing_call(&w, BIDI, &kind, 0);
    cr_assert_eq(a.status.code, STATUS_OK);
    cr_assert_eq(a.n, 0);
    answer_free(&a);
    stop();
}

/* --- Tokens ------------------------------------------------------------------------- */

/* Every message's token resumes strictly after its last post, in every shape. */
static void check_tokens(struct ask ask)
{
    size_t n;
    uint32_t *expected = posts_expect(&posts, ask.user, ask.tag, &n);
    struct answer a = listing_one(&w, SERVER_STREAM, ask);
    ask.page_size = 0;
    for (size_t i = 0; i + 1 < a.n; i++) {
        const size_t at = a.messages[i].from + a.messages[i].n;
        ask.token = a.messages[i].token;
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            struct answer rest = listing_one(&w, shape, ask);
            expect_posts(&rest, expected + at, n - at);
            answer_free(&rest);
        }
    }
    answer_free(&a);
    free(expected);
}

Test(listing, resumes_after_every_token)
{
    make_posts(300, 2000);
    start();
    check_tokens((struct ask){ .page_size = 1 });
    check_tokens((struct ask){ .page_size = 0 });
    check_tokens((struct ask){ .page_size = 1, .tag = "rare" });
    check_tokens((struct ask){ .page_size = 2, .user = "u2" });
    stop();
}

Test(listing, gives_the_same_token_in_every_shape)
{
    char token[64];
    make_posts(50, 500);
    start();
    struct ask ask = { .page_size = 5 };
    struct answer a = listing_one(&w, UNARY, ask);
    snprintf(token, sizeof token, "%s", a.messages[0].token);
    answer_free(&a);
    for (enum shape shape = SERVER_STREAM; shape < SHAPES; shape++) {
        a = listing_one(&w, shape, ask);
        cr_assert_str_eq(a.messages[0].token, token);
        answer_free(&a);
    }
    stop();
}

/* --- Limits ------------------------------------------------------------------------- */

static void check_limit(enum shape shape, struct ask ask)
{
    size_t n;
    uint32_t *expected = posts_expect(&posts, ask.user, ask.tag, &n);
    const size_t want = (size_t)ask.limit < n ? (size_t)ask.limit : n;
    struct answer a = listing_one(&w, shape, ask);
    expect_posts(&a, expected, want);
    const struct got *last = &a.messages[a.n - 1];
    cr_assert(last->last);
    cr_assert_eq(last->token[0] != '\0', want < n, "limit %d of %zu", (int)ask.limit, n);
    if (want < n) {
        ask.limit = 0;
        ask.token = last->token;
        struct answer rest = listing_one(&w, shape, ask);
        expect_posts(&rest, expected + want, n - want);
        answer_free(&rest);
    }
    answer_free(&a);
    free(expected);
}

Test(listing, stops_at_the_limit)
{
    char user[24];
    for (int i = 0; i < 24; i++) {
        snprintf(user, sizeof user, "u%d", i / 5);
        posts_add(&posts, user, 1500, ""); /* several messages */
    }
    start();
    for (int64_t limit = 1; limit <= 26; limit++) {
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            check_limit(shape, (struct ask){ .limit = limit });
            check_limit(shape, (struct ask){ .limit = limit, .user = "u2" });
        }
        for (int32_t page_size = 1; page_size <= 6; page_size++) {
            check_limit(SERVER_STREAM, (struct ask){ .limit = limit, .page_size = page_size });
            check_limit(BIDI, (struct ask){ .limit = limit, .page_size = page_size });
        }
    }
    check_limit(UNARY, (struct ask){ .limit = INT64_MAX });
    check_limit(SERVER_STREAM, (struct ask){ .limit = INT64_MAX });
    stop();
}

Test(listing, stops_a_page_at_the_limit_of_a_request)
{
    make_posts(60, 500);
    start();
    const struct ask asks[] = { { .limit = 7, .page_size = 10 }, { .limit = 5 } };
    struct answer a = listing_call(&w, CLIENT_STREAM, asks, 2);
    cr_assert_eq(a.nposts, 10);
    cr_assert_eq(a.messages[0].index, 1);
    answer_free(&a);
    stop();
}

/* --- Rare matches ------------------------------------------------------------------- */

static void make_barren_posts(void)
{
    for (int i = 0; i < 20; i++)
        posts_add(&posts, "u1", 1000 * 1000, "");
    posts_add(&posts, "u2", 100, "rare");
}

struct rounds {
    struct task task;
    size_t n;
};

static void on_round(struct task *task)
{
    container_of(task, struct rounds, task)->n++;
    task_defer(w.loop, task);
}

Test(listing, tells_how_far_it_is_when_nothing_matches)
{
    make_barren_posts();
    start();
    struct answer a = listing_one(&w, SERVER_STREAM, (struct ask){ .tag = "rare" });
    cr_assert_eq(a.n, 2);
    cr_assert_eq(a.messages[0].n, 0);
    cr_assert(!a.messages[0].last);
    cr_assert_str_not_empty(a.messages[0].token);
    cr_assert_eq(a.messages[1].n, 1);
    struct answer rest =
        listing_one(&w, UNARY, (struct ask){ .tag = "rare", .token = a.messages[0].token });
    cr_assert_eq(rest.nposts, 1);
    answer_free(&rest);
    answer_free(&a);
    stop();
}

Test(listing, cuts_a_page_short_when_nothing_matches)
{
    make_barren_posts();
    start();
    for (enum shape shape = UNARY; shape <= CLIENT_STREAM; shape += CLIENT_STREAM - UNARY) {
        struct answer a = all_pages(shape, (struct ask){ .tag = "rare", .page_size = 5 });
        cr_assert_eq(a.messages[0].n, 0);
        cr_assert_str_not_empty(a.messages[0].token);
        expect_listing(&a, NULL, "rare");
        answer_free(&a);
        a = listing_one(&w, shape, (struct ask){ .tag = "rare" });
        expect_listing(&a, NULL, "rare");
        cr_assert_str_empty(a.messages[0].token);
        answer_free(&a);
    }
    stop();
}

Test(listing, gives_others_their_turn_in_a_long_scan)
{
    struct rounds rounds = { .task.run = on_round };
    make_barren_posts();
    start();
    task_defer(w.loop, &rounds.task);
    struct answer a = listing_one(&w, UNARY, (struct ask){ .tag = "rare" });
    cr_assert_geq(rounds.n, 9, "a turn for every two MB or so");
    task_cancel(&rounds.task);
    answer_free(&a);
    stop();
}

/* Many small scans in one turn are a long one. */
Test(listing, gives_others_their_turn_between_requests)
{
    struct rounds rounds = { .task.run = on_round };
    struct ask asks[64];
    for (int i = 0; i < 9; i++)
        posts_add(&posts, "u1", 100 * 1000, "");
    start();
    for (int i = 0; i < 64; i++)
        asks[i] = (struct ask){ .user = "u1", .tag = "rare" };
    w.silent = true;
    struct fake_stream *f = listing_start(&w, CLIENT_STREAM, asks, 64);
    POST_UNTIL(&w, f->reads >= 64); /* all are there, and wait for the name */
    w.silent = false;
    task_defer(w.loop, &rounds.task);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.messages[0].index, 63);
    cr_assert_geq(rounds.n, 64 * 9 / 12);
    task_cancel(&rounds.task);
    answer_free(&a);
    stop();
}

/* --- Names
 * ---------------------------------------------------------------------------------------- */

Test(listing, names_each_unknown_user_once_a_message)
{
    for (int i = 0; i < 6; i++)
        posts_add(&posts, i % 2 == 0 ? "x1" : "u1", 10, "");
    posts_add(&posts, "x2", 10, "");
    start();
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct answer a = listing_one(&w, shape, (struct ask){ 0 });
        cr_assert_eq(a.n, 1);
        cr_assert_eq(a.messages[0].unresolved, 2);
        cr_assert_str_eq(a.messages[0].unresolved_id, "x2");
        answer_free(&a);
    }
    struct answer a = listing_one(&w, SERVER_STREAM, (struct ask){ .page_size = 2 });
    const size_t unresolved[] = { 1, 1, 0, 1 }; /* x1 x1, x1 u1, u1 u1, x2 */
    cr_assert_eq(a.n, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(a.messages[i].unresolved, unresolved[i], "message %zu", i);
    answer_free(&a);
    stop();
}

Test(listing, asks_for_names_ahead_and_once)
{
    char user[24];
    for (int i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        posts_add(&posts, user, 10, "");
    }
    start();
    struct answer a = listing_one(&w, SERVER_STREAM, (struct ask){ 0 });
    expect_listing(&a, NULL, NULL);
    cr_assert_eq(w.nasked, 1000);
    cr_assert_leq(w.answered, 10, "%zu requests to User", w.answered);
    answer_free(&a);
    a = listing_one(&w, BIDI, (struct ask){ 0 });
    cr_assert_eq(w.nasked, 1000, "the names are cached");
    answer_free(&a);
    stop();
}

Test(listing, asks_for_no_more_names_than_the_limit_needs)
{
    char user[24];
    for (int i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        posts_add(&posts, user, 10, "");
    }
    start();
    struct answer a = listing_one(&w, SERVER_STREAM, (struct ask){ .limit = 3 });
    cr_assert_eq(w.nasked, 3);
    answer_free(&a);
    a = listing_one(&w, UNARY, (struct ask){ .page_size = 5 });
    cr_assert_eq(w.nasked, 5);
    answer_free(&a);
    stop();
}

/* --- Errors
 * ----------------------------------------------------------------------------------------- */

struct bad_ask {
    struct ask ask;
    enum status_code code;
};

static char long_id[300], other_token[64], foreign_token[64];

static size_t make_bad_asks(struct bad_ask bad[16], const char *user)
{
    size_t n = 0;
    memset(long_id, 'u', 257);
    bad[n++] = (struct bad_ask){ { .user = user, .page_size = -1 }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = user, .limit = -1 }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = user, .token = "?" }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = user, .tag = "\xff" }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = user, .tag = long_id }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = user, .token = other_token }, STATUS_INVALID_ARGUMENT };
    bad[n++] =
        (struct bad_ask){ { .user = user, .token = foreign_token }, STATUS_FAILED_PRECONDITION };
    if (user == NULL)
        return n;
    bad[n++] = (struct bad_ask){ { .user = "" }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = long_id }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = "\xc3\x28" }, STATUS_INVALID_ARGUMENT };
    bad[n++] = (struct bad_ask){ { .user = "x1" }, STATUS_NOT_FOUND };
    return n;
}

static void take_token(char token[64], const char *user)
{
    struct answer a = listing_one(&w, UNARY, (struct ask){ .user = user, .page_size = 1 });
    snprintf(token, 64, "%s", a.messages[0].token);
    cr_assert_str_not_empty(token);
    answer_free(&a);
}

/* The call's status where there is one request, an entry otherwise. */
static void expect_refused(enum shape shape, const struct bad_ask *bad)
{
    const struct ask good = { .user = bad->ask.user == NULL ? NULL : "u1" };
    struct ask asks[] = { good, bad->ask, good };
    struct answer a =
        many_asks(shape) ? listing_call(&w, shape, asks, 3) : listing_call(&w, shape, &asks[1], 1);
    if (!many_asks(shape)) {
        cr_assert_eq(a.status.code, bad->code, "%s", a.status.message);
        cr_assert_str_not_empty(a.status.message);
        cr_assert_eq(a.n, 0);
    } else {
        const struct got *m = &a.messages[shape == BIDI ? 1 : 0];
        cr_assert_eq(a.status.code, STATUS_OK);
        cr_assert_eq(a.n, shape == BIDI ? 3 : 1);
        cr_assert_eq(m->errors, 1);
        cr_assert_eq(m->error_index, 1);
        cr_assert_eq(m->error_code, bad->code);
        cr_assert_eq(m->index, shape == BIDI ? 1 : 2);
        cr_assert(m->last);
        cr_assert_str_empty(m->token);
        cr_assert_eq(a.nposts, bad->ask.user == NULL ? 8 : 4, "the others are answered");
    }
    answer_free(&a);
}

static void expect_all_refused(const char *user)
{
    struct bad_ask bad[16];
    take_token(other_token, "u2");
    w.env.listing.store_id++;
    take_token(foreign_token, user);
    w.env.listing.store_id--;
    const size_t n = make_bad_asks(bad, user);
    for (size_t i = 0; i < n; i++)
        for (enum shape shape = 0; shape < SHAPES; shape++)
            expect_refused(shape, &bad[i]);
}

Test(listing, refuses_what_is_wrong)
{
    for (int i = 0; i < 4; i++)
        posts_add(&posts, i < 2 ? "u1" : "u2", 10, "");
    start();
    expect_all_refused(NULL);
    expect_all_refused("u1");
    stop();
}

/* --- One answer: pages and sizes
 * ------------------------------------------------------------------------ */

/* As collect-list does: again from the request where the answer stopped. */
static void check_client_pages(const struct ask *asks, size_t n, int32_t page_size,
                               const uint32_t *expected, size_t nexpected)
{
    struct ask left[16];
    char token[64] = "";
    size_t first = 0;
    struct answer all = { 0 };
    for (;;) {
        memcpy(left, asks + first, (n - first) * sizeof *left);
        left[0].page_size = page_size;
        left[0].token = token;
        struct answer a = listing_call(&w, CLIENT_STREAM, left, n - first);
        cr_assert_eq(a.status.code, STATUS_OK, "%s", a.status.message);
        cr_assert_eq(a.n, 1);
        cr_assert_leq(a.nposts, (size_t)page_size);
        first += (size_t)a.messages[0].index;
        snprintf(token, sizeof token, "%s", a.messages[0].token);
        answer_append(&all, &a);
        if (token[0] == '\0')
            break;
    }
    expect_posts(&all, expected, nexpected);
    answer_free(&all);
}

Test(listing, resumes_a_client_stream_from_any_page)
{
    const struct ask asks[] = {
        { .user = "u2" }, { .user = "u99" }, { .user = "u1" }, { .user = "u2" }, { .user = "u0" }
    };
    uint32_t expected[64];
    size_t n = 0;
    make_posts(120, 500);
    start();
    for (size_t i = 0; i < 5; i++) {
        size_t more;
        uint32_t *of_user = posts_expect(&posts, asks[i].user, NULL, &more);
        memcpy(expected + n, of_user, more * sizeof *of_user);
        n += more;
        free(of_user);
    }
    cr_assert_gt(n, 10);
    for (int32_t page_size = 1; page_size <= (int32_t)n + 1; page_size++)
        check_client_pages(asks, 5, page_size, expected, n);
    stop();
}

/* The page was asked for, even by a request that is refused. */
Test(listing, keeps_the_page_of_a_refused_first_request)
{
    const struct ask asks[] = { { .token = "?", .page_size = 3 }, { 0 } };
    make_posts(20, 100);
    start();
    struct answer a = listing_call(&w, CLIENT_STREAM, asks, 2);
    cr_assert_eq(a.nposts, 3);
    cr_assert_eq(a.messages[0].index, 1);
    cr_assert_eq(a.messages[0].errors, 1);
    cr_assert_str_not_empty(a.messages[0].token);
    answer_free(&a);
    stop();
}

static void make_kilobytes(size_t n)
{
    for (size_t i = 0; i < n; i++)
        posts_add(&posts, "u1", 1000, "");
}

Test(listing, never_cuts_a_single_answer_silently)
{
    make_kilobytes(200);
    w.answer_max_bytes = 100 * 1000;
    start();
    for (enum shape shape = UNARY; shape <= CLIENT_STREAM; shape += CLIENT_STREAM - UNARY) {
        struct ask ask = { 0 };
        struct answer a = listing_call(&w, shape, &ask, 1);
        cr_assert_eq(a.status.code, STATUS_RESOURCE_EXHAUSTED);
        cr_assert_not_null(strstr(a.status.message, "page_size"));
        cr_assert_not_null(strstr(a.status.message, "ListPostsServerStream"));
        cr_assert_eq(a.n, 0);
        answer_free(&a);
        ask.page_size = 150; /* more than fit */
        a = all_pages(shape, ask);
        cr_assert_lt(a.messages[0].n, 100);
        cr_assert_leq(a.messages[0].bytes, w.answer_max_bytes);
        expect_listing(&a, NULL, NULL);
        answer_free(&a);
    }
    stop();
}

/* Refused requests do not add up to more than an answer may have. */
Test(listing, bounds_the_errors_of_a_client_stream)
{
    struct ask ask = { .page_size = -1 };
    w.answer_max_bytes = 20 * 1000;
    start();
    struct fake_stream *f = listing_open(&w, CLIENT_STREAM, &ask, 1);
    for (int i = 0; i < 1000; i++)
        listing_push(f, &ask);
    fake_stream_end(f);
    struct answer a = listing_end(&w, f);
    cr_assert_eq(a.status.code, STATUS_RESOURCE_EXHAUSTED);
    cr_assert_eq(a.n, 0);
    answer_free(&a);
    stop();
}

Test(listing, draws_on_one_budget)
{
    struct ask ask = { 0 };
    make_kilobytes(300);
    w.budget_max_bytes = 500 * 1000;
    start();
    struct fake_stream *slow = listing_open(&w, UNARY, &ask, 1);
    fake_stream_window(slow, false);
    POST_UNTIL(&w, slow->out.n == 1);
    cr_assert_geq(atomic_load(&w.budget.used), 300 * 1000);
    struct answer a = listing_call(&w, UNARY, &ask, 1);
    cr_assert_eq(a.status.code, STATUS_RESOURCE_EXHAUSTED);
    answer_free(&a);
    a = listing_one(&w, SERVER_STREAM, ask); /* needs none of it */
    expect_listing(&a, NULL, NULL);
    answer_free(&a);
    fake_stream_window(slow, true);
    a = listing_end(&w, slow);
    expect_listing(&a, NULL, NULL);
    answer_free(&a);
    cr_assert_eq(atomic_load(&w.budget.used), 0);
    a = listing_one(&w, UNARY, ask);
    answer_free(&a);
    stop();
}
