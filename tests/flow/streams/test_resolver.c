/* The author resolver, with the test as User. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/fake_stream.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "streams/resolver.h"
#include "v1/user/user.pb-c.h"

#define MAX_DIALS 64

/* --- User's side -------------------------------------------------------------------- */

static struct loop *loop;
static struct resolver *resolver;

static struct {
    struct fake_stream *streams[MAX_DIALS];
    size_t answered[MAX_DIALS]; /* requests, per stream */
    uint64_t at_ms[MAX_DIALS];
    size_t n;
    int error;   /* of the next dials */
    bool closed; /* the window of the next streams */
} dials;

static int dial(void *arg, struct loop *l, const struct stream_handler *handler, void *data,
                struct stream **ret)
{
    cr_assert_eq(arg, &dials);
    cr_assert_lt(dials.n, MAX_DIALS);
    dials.at_ms[dials.n] = loop_now_ms(l);
    struct fake_stream *f = dials.error == 0 ? fake_stream_dial(l, handler, data) : NULL;
    dials.streams[dials.n++] = f;
    if (f == NULL)
        return dials.error;
    if (dials.closed)
        fake_stream_window(f, false);
    *ret = &f->s;
    return 0;
}

static void start_with(const struct resolver_options *options)
{
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(resolver_new(&resolver, loop, dial, &dials, options), 0);
}

static void start(void)
{
    start_with(&(struct resolver_options){ .timeout_ms = 5000, .min_backoff_ms = 1 });
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void stop(void)
{
    bool closed = false;
    resolver_close(resolver, on_closed, &closed);
    cr_assert(!closed, "never from inside");
    LOOP_UNTIL(loop, closed);
    for (size_t i = 0; i < dials.n; i++) {
        cr_assert(dials.streams[i] == NULL || dials.streams[i]->closed);
        fake_stream_free(dials.streams[i]);
    }
    loop_free(loop);
    assert_no_leaks();
}

static struct fake_stream *stream(void) /* the newest */
{
    cr_assert_gt(dials.n, 0);
    return dials.streams[dials.n - 1];
}

static size_t requests(void)
{
    return stream()->sent.n;
}

static V1__User__ResolveUsersRequest *request(size_t i)
{
    return (V1__User__ResolveUsersRequest *)fake_stream_sent_message(
        stream(), i, &v1__user__resolve_users_request__descriptor);
}

static void free_request(V1__User__ResolveUsersRequest *r)
{
    v1__user__resolve_users_request__free_unpacked(r, NULL);
}

static size_t ids_in(size_t i)
{
    V1__User__ResolveUsersRequest *r = request(i);
    size_t n = r->n_user_ids;
    free_request(r);
    return n;
}

static bool asks_for(size_t i, const char *id)
{
    bool found = false;
    V1__User__ResolveUsersRequest *r = request(i);
    for (size_t k = 0; k < r->n_user_ids; k++)
        found |= strcmp(r->user_ids[k], id) == 0;
    free_request(r);
    return found;
}

/* User knows "u..." as "name of u...", and nobody else. */
static void answer_ids(char **ids, size_t n)
{
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    V1__User__ResolvedUser *users = calloc(n + 1, sizeof *users);
    V1__User__ResolvedUser **pointers = calloc(n + 1, sizeof *pointers);
    char(*names)[64] = calloc(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        v1__user__resolved_user__init(&users[i]);
        users[i].user_id = ids[i];
        users[i].found = ids[i][0] == 'u';
        snprintf(names[i], sizeof names[i], "name of %.40s", ids[i]);
        if (users[i].found)
            users[i].name = names[i];
        pointers[i] = &users[i];
    }
    m.users = pointers;
    m.n_users = n;
    fake_stream_push_message(stream(), &m.base);
    free(names);
    free(pointers);
    free(users);
}

static void answer_one(void)
{
    V1__User__ResolveUsersRequest *r = request(dials.answered[dials.n - 1]++);
    answer_ids(r->user_ids, r->n_user_ids);
    free_request(r);
}

static void answer_all(void)
{
    while (dials.answered[dials.n - 1] < requests())
        answer_one();
}

static void push(const char *id, const char *name) /* NULL: deleted */
{
    V1__User__ResolvedUser user = V1__USER__RESOLVED_USER__INIT;
    V1__User__ResolvedUser *users[] = { &user };
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    user.user_id = (char *)id;
    user.found = name != NULL;
    if (name != NULL)
        user.name = (char *)name;
    m.users = users;
    m.n_users = 1;
    fake_stream_push_message(stream(), &m.base);
}

static void invalidate_all(void)
{
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    m.invalidate_all = true;
    fake_stream_push_message(stream(), &m.base);
}

static void lose_stream(enum status_code code, const char *message)
{
    fake_stream_break(stream(), code, message);
}

/* --- Post's side -------------------------------------------------------------------- */

static struct resolver_stats stats(void)
{
    return resolver_stats(resolver);
}

static struct name *want(const char *id)
{
    struct name *n = resolver_want(resolver, bytes_of_text(id));
    cr_assert_not_null(n);
    return n;
}

static bool text_is(const struct name *n, const char *text)
{
    return bytes_equal(name_text(n), bytes_of_text(text));
}

static struct name *want_known(const char *id) /* held and answered */
{
    struct name *n = want(id);
    size_t before = requests();
    if (!name_is_known(name_state(n))) {
        LOOP_UNTIL(loop, requests() > before);
        answer_all();
    }
    LOOP_UNTIL(loop, name_is_known(name_state(n)));
    return n;
}

static void want_many(struct name **names, size_t from, size_t n)
{
    char id[32];
    for (size_t i = 0; i < n; i++) {
        snprintf(id, sizeof id, "u%zu", from + i);
        names[i] = want(id);
    }
}

static void release_many(struct name **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        name_release(names[i]);
}

struct waiter {
    struct name_wait wait;
    struct name *name;
    int known, failed;
    struct status status;
    struct waiter *stops, *starts; /* in the callback */
    bool releases;
};

static void react(struct waiter *w)
{
    if (w->stops != NULL)
        name_wait_stop(&w->stops->wait);
    if (w->starts != NULL)
        name_wait_start(w->starts->name, &w->starts->wait);
    if (w->releases)
        name_release(w->name);
}

static void on_known(struct name_wait *wait)
{
    struct waiter *w = container_of(wait, struct waiter, wait);
    cr_assert(name_is_known(name_state(w->name)));
    w->known++;
    react(w);
}

static void on_failed(struct name_wait *wait, const struct status *status)
{
    struct waiter *w = container_of(wait, struct waiter, wait);
    w->failed++;
    w->status = *status;
    react(w);
}

static void waiter_init(struct waiter *w, const char *id)
{
    *w = (struct waiter){ .wait = { .known = on_known, .failed = on_failed }, .name = want(id) };
}

static void wait_for(struct waiter *w, const char *id)
{
    waiter_init(w, id);
    name_wait_start(w->name, &w->wait);
}

/* --- Asking ------------------------------------------------------------------------- */

Test(resolver, asks_in_one_request_for_what_is_wanted_in_one_turn)
{
    start();
    struct name *a = want("u1"), *b = want("u2"), *c = want("x3");
    cr_assert_eq(name_state(a), NAME_WANTED);
    LOOP_UNTIL(loop, requests() > 0);
    cr_assert_eq(name_state(a), NAME_ASKED);
    cr_assert_eq(ids_in(0), 3);
    cr_assert(asks_for(0, "u1") && asks_for(0, "u2") && asks_for(0, "x3"));
    answer_all();
    LOOP_UNTIL(loop, name_is_known(name_state(a)));
    cr_assert_eq(name_state(a), NAME_FOUND);
    cr_assert(text_is(a, "name of u1"));
    cr_assert(text_is(b, "name of u2"));
    cr_assert_eq(name_state(c), NAME_MISSING);
    cr_assert(text_is(c, ""));
    cr_assert_eq(requests(), 1);
    name_release(a);
    name_release(b);
    name_release(c);
    stop();
}

Test(resolver, greets_user_to_learn_that_it_is_there)
{
    start();
    LOOP_UNTIL(loop, requests() > 0);
    cr_assert_eq(ids_in(0), 0);
    cr_assert(!stats().connected);
    answer_all();
    LOOP_UNTIL(loop, stats().connected);
    loop_turns(loop, 4);
    cr_assert_eq(requests(), 1, "one greeting is enough");
    stop();
}

Test(resolver, never_asks_twice_at_once)
{
    struct waiter w[3];
    start();
    wait_for(&w[0], "u1");
    wait_for(&w[1], "u1"); /* another listing, the same turn */
    LOOP_UNTIL(loop, requests() > 0);
    wait_for(&w[2], "u1"); /* while it is asked */
    loop_turns(loop, 8);
    cr_assert_eq(requests(), 1);
    cr_assert_eq(ids_in(0), 1);
    answer_all();
    LOOP_UNTIL(loop, w[0].known + w[1].known + w[2].known == 3);
    struct name *again = want("u1");
    cr_assert_eq(name_state(again), NAME_FOUND);
    loop_turns(loop, 8);
    cr_assert_eq(stats().asked, 1);
    cr_assert_eq(stats().names, 1);
    name_release(again);
    for (int i = 0; i < 3; i++)
        name_release(w[i].name);
    stop();
}

Test(resolver, splits_many_ids_into_requests_of_a_thousand)
{
    static struct name *names[2500];
    start();
    want_many(names, 0, 2500);
    LOOP_UNTIL(loop, requests() == 3);
    cr_assert_eq(ids_in(0), 1000);
    cr_assert_eq(ids_in(1), 1000);
    cr_assert_eq(ids_in(2), 500);
    answer_all();
    LOOP_UNTIL(loop, name_state(names[2499]) == NAME_FOUND);
    cr_assert(text_is(names[0], "name of u0"));
    cr_assert(text_is(names[1234], "name of u1234"));
    cr_assert_eq(stats().asked, 2500);
    release_many(names, 2500);
    stop();
}

Test(resolver, keeps_at_most_four_requests_unanswered)
{
    static struct name *names[6000];
    start();
    want_many(names, 0, 6000);
    LOOP_UNTIL(loop, requests() == 4);
    loop_turns(loop, 8);
    cr_assert_eq(requests(), 4);
    answer_one();
    LOOP_UNTIL(loop, requests() == 5);
    loop_turns(loop, 8);
    cr_assert_eq(requests(), 5);
    answer_all();
    LOOP_UNTIL(loop, requests() == 6);
    answer_all();
    LOOP_UNTIL(loop, name_state(names[5999]) == NAME_FOUND);
    release_many(names, 6000);
    stop();
}

Test(resolver, an_answer_in_pieces_and_out_of_order_is_as_good)
{
    start();
    struct name *a = want("u1"), *b = want("u2");
    LOOP_UNTIL(loop, requests() > 0);
    answer_ids((char *[]){ "u2", "u2" }, 2);
    LOOP_UNTIL(loop, name_is_known(name_state(b)));
    cr_assert_eq(name_state(a), NAME_ASKED);
    answer_ids((char *[]){ "u1" }, 1);
    LOOP_UNTIL(loop, name_is_known(name_state(a)));
    name_release(a);
    name_release(b);
    stop();
}

Test(resolver, reads_while_it_cannot_send)
{
    static struct name *names[5000];
    dials.closed = true;
    start();
    want_many(names, 0, 5000);
    LOOP_UNTIL(loop, stats().asked == 2000);
    push("u4999", "pushed");
    LOOP_UNTIL(loop, name_state(names[4999]) == NAME_FOUND);
    cr_assert(stream()->reading);
    cr_assert_eq(stats().asked, 2000);
    cr_assert_eq(requests(), 0);
    fake_stream_window(stream(), true);
    LOOP_UNTIL(loop, requests() == 4);
    answer_all();
    LOOP_UNTIL(loop, requests() == 5);
    cr_assert_eq(ids_in(4), 999, "what was pushed need not be asked");
    answer_all();
    LOOP_UNTIL(loop, name_state(names[4998]) == NAME_FOUND);
    release_many(names, 5000);
    stop();
}

Test(resolver, impossible_ids_are_missing_without_asking)
{
    char longest[258];
    memset(longest, 'u', sizeof longest);
    start();
    struct name *n[] = {
        resolver_want(resolver, bytes_of("", 0)),
        resolver_want(resolver, bytes_of("u1\0x", 4)),
        resolver_want(resolver, bytes_of(longest, 257)),
        resolver_want(resolver, bytes_of("u\xff", 2)),
        resolver_want(resolver, bytes_of(longest, 256)),
    };
    for (int i = 0; i < 4; i++)
        cr_assert_eq(name_state(n[i]), NAME_MISSING);
    LOOP_UNTIL(loop, requests() > 0);
    cr_assert_eq(ids_in(0), 1);
    answer_all();
    LOOP_UNTIL(loop, name_state(n[4]) == NAME_FOUND);
    lose_stream(STATUS_UNAVAILABLE, "gone");
    LOOP_UNTIL(loop, dials.n == 2 && requests() > 0);
    cr_assert_eq(ids_in(0), 1);
    cr_assert_eq(name_state(n[1]), NAME_MISSING);
    release_many(n, 5);
    stop();
}

/* --- Holding ------------------------------------------------------------------------ */

Test(resolver, answers_from_the_cache)
{
    start();
    name_release(want_known("u1"));
    cr_assert_eq(stats().cached, 1);
    struct name *n = want("u1");
    cr_assert_eq(name_state(n), NAME_FOUND);
    cr_assert_eq(stats().cached, 0);
    cr_assert_eq(stats().asked, 1);
    name_release(n);
    stop();
}

Test(resolver, a_wanted_name_that_nobody_wants_any_more_is_not_asked)
{
    start();
    struct name *a = want("u1"), *b = want("u2");
    name_release(a);
    cr_assert_eq(stats().names, 1);
    LOOP_UNTIL(loop, requests() > 0);
    cr_assert_eq(ids_in(0), 1);
    cr_assert(asks_for(0, "u2"));
    name_release(b); /* asked: kept until answered */
    cr_assert_eq(stats().names, 1);
    answer_all();
    LOOP_UNTIL(loop, stats().cached == 1);
    struct name *n = want("u2");
    cr_assert_eq(name_state(n), NAME_FOUND);
    name_release(n);
    stop();
}

Test(resolver, the_cache_is_bounded)
{
    enum { BATCH = 1000, BATCHES = 100, CACHE_BYTES = 256 << 10 };
    static struct name *names[BATCH];
    start_with(&(struct resolver_options){ .timeout_ms = 5000, .cache_bytes = CACHE_BYTES });
    for (size_t i = 0; i < BATCHES; i++) {
        want_many(names, i * BATCH, BATCH);
        LOOP_UNTIL(loop, requests() == i + 1);
        answer_all();
        LOOP_UNTIL(loop, name_is_known(name_state(names[BATCH - 1])));
        release_many(names, BATCH);
    }
    cr_assert_eq(stats().names, stats().cached);
    cr_assert_gt(stats().cached, 500);
    cr_assert_lt(stats().cached, CACHE_BYTES / 128, "128 bytes a name would be few");
    struct name *newest = want("u99999"), *oldest = want("u0");
    cr_assert_eq(name_state(newest), NAME_FOUND);
    cr_assert_eq(name_state(oldest), NAME_WANTED);
    name_release(newest);
    name_release(oldest);
    stop();
}

Test(resolver, the_cache_is_bounded_when_all_let_go_before_the_answer)
{
    static struct name *names[1000];
    start_with(&(struct resolver_options){ .timeout_ms = 5000, .cache_bytes = 16 << 10 });
    want_many(names, 0, 1000);
    LOOP_UNTIL(loop, requests() == 1);
    release_many(names, 1000);
    cr_assert_eq(stats().names, 1000);
    answer_all();
    LOOP_UNTIL(loop, stats().cached > 0);
    cr_assert_lt(stats().cached, 128);
    cr_assert_eq(stats().names, stats().cached);
    stop();
}

Test(resolver, the_least_recently_used_name_goes_first)
{
    static struct name *names[1000];
    start_with(&(struct resolver_options){ .timeout_ms = 5000, .cache_bytes = 16 << 10 });
    name_release(want_known("u_old"));
    name_release(want_known("u_used"));
    size_t kept;
    do {
        name_release(want("u_used")); /* makes it the youngest */
        kept = stats().cached;
        char id[32];
        snprintf(id, sizeof id, "u_%zu", (size_t)stats().asked);
        name_release(want_known(id));
    } while (stats().cached > kept); /* until one had to go */
    names[0] = want("u_used");
    names[1] = want("u_old");
    cr_assert_eq(name_state(names[0]), NAME_FOUND);
    cr_assert_eq(name_state(names[1]), NAME_WANTED);
    release_many(names, 2);
    stop();
}

/* --- Changes ------------------------------------------------------------------------ */

Test(resolver, a_pushed_change_reaches_held_and_cached_names)
{
    start();
    struct name *held = want_known("u1");
    name_release(want_known("u2"));
    push("u1", "new one");
    push("u2", "new two, and longer than before, so that it costs more");
    LOOP_UNTIL(loop, stats().pushed == 2);
    cr_assert(text_is(held, "new one"));
    struct name *cached = want("u2");
    cr_assert(text_is(cached, "new two, and longer than before, so that it costs more"));
    push("u1", NULL);
    LOOP_UNTIL(loop, name_state(held) == NAME_MISSING);
    cr_assert(text_is(held, ""));
    push("u1", "back");
    LOOP_UNTIL(loop, name_state(held) == NAME_FOUND);
    cr_assert(text_is(held, "back"));
    cr_assert_eq(stats().asked, 2);
    name_release(held);
    name_release(cached);
    stop();
}

Test(resolver, a_pushed_change_of_a_stranger_is_ignored)
{
    start();
    push("u7", "who?");
    LOOP_UNTIL(loop, stats().pushed == 1);
    cr_assert_eq(stats().names, 0);
    cr_assert(stats().connected);
    stop();
}

Test(resolver, a_push_may_overtake_the_answer)
{
    start();
    struct waiter w;
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    push("u1", "pushed");
    LOOP_UNTIL(loop, w.known == 1);
    cr_assert(text_is(w.name, "pushed"));
    answer_all();
    LOOP_UNTIL(loop, text_is(w.name, "name of u1"));
    cr_assert_eq(w.known, 1);
    name_release(w.name);
    stop();
}

Test(resolver, invalidate_all_asks_again_for_what_is_held)
{
    start();
    struct name *held = want_known("u1");
    name_release(want_known("u2"));
    struct name *asked = want("u3");
    size_t before = requests();
    LOOP_UNTIL(loop, requests() == before + 1);
    invalidate_all();
    LOOP_UNTIL(loop, requests() == before + 2);
    cr_assert_eq(name_state(held), NAME_ASKED);
    cr_assert(text_is(held, ""));
    cr_assert_eq(ids_in(before + 1), 1);
    cr_assert(asks_for(before + 1, "u1"));
    cr_assert_eq(name_state(asked), NAME_ASKED, "its answer is newer than the change");
    cr_assert_eq(stats().names, 2);
    answer_all();
    LOOP_UNTIL(loop, name_state(held) == NAME_FOUND && name_state(asked) == NAME_FOUND);
    name_release(held);
    name_release(asked);
    stop();
}

Test(resolver, users_beside_invalidate_all_are_already_new)
{
    start();
    struct name *a = want_known("u1"), *b = want_known("u2");
    V1__User__ResolvedUser user = V1__USER__RESOLVED_USER__INIT;
    V1__User__ResolvedUser *users[] = { &user };
    V1__User__ResolveUsersResponse m = V1__USER__RESOLVE_USERS_RESPONSE__INIT;
    user.user_id = "u1";
    user.name = "new";
    user.found = true;
    m.users = users;
    m.n_users = 1;
    m.invalidate_all = true;
    size_t before = requests();
    fake_stream_push_message(stream(), &m.base);
    LOOP_UNTIL(loop, requests() == before + 1);
    cr_assert(text_is(a, "new"));
    cr_assert_eq(name_state(b), NAME_ASKED);
    cr_assert_eq(ids_in(before), 1);
    name_release(a);
    name_release(b);
    stop();
}

/* --- Broken streams ----------------------------------------------------------------- */

Test(resolver, after_a_break_what_is_held_is_asked_again)
{
    start();
    struct name *known = want_known("u1");
    name_release(want_known("u2"));
    struct name *dropped = want("u3");
    struct waiter asked;
    wait_for(&asked, "u4");
    size_t before = requests();
    LOOP_UNTIL(loop, requests() > before);
    name_release(dropped);
    cr_assert_eq(stats().names, 4);

    lose_stream(STATUS_UNAVAILABLE, "connection reset");
    LOOP_UNTIL(loop, stream() != NULL && dials.n == 2);
    cr_assert_eq(stats().names, 2);
    cr_assert(!stats().connected);
    LOOP_UNTIL(loop, requests() == 1);
    cr_assert_eq(ids_in(0), 2);
    cr_assert(asks_for(0, "u1") && asks_for(0, "u4"));
    answer_all();
    LOOP_UNTIL(loop, asked.known == 1);
    cr_assert_eq(name_state(known), NAME_FOUND);
    cr_assert_eq(stats().reconnects, 1);
    cr_assert(stats().connected);
    name_release(known);
    name_release(asked.name);
    stop();
}

Test(resolver, a_break_frees_the_places_of_unanswered_requests)
{
    static struct name *names[5000];
    start();
    want_many(names, 0, 5000);
    LOOP_UNTIL(loop, requests() == 4);
    lose_stream(STATUS_INTERNAL, "reset");
    LOOP_UNTIL(loop, dials.n == 2 && requests() == 4);
    answer_all();
    LOOP_UNTIL(loop, requests() == 5);
    answer_all();
    LOOP_UNTIL(loop, stream()->in.n == 0 && name_is_known(name_state(names[0])));
    for (int i = 0; i < 5000; i++)
        cr_assert_eq(name_state(names[i]), NAME_FOUND);
    release_many(names, 5000);
    stop();
}

Test(resolver, an_orderly_end_counts_as_a_break)
{
    start_with(&(struct resolver_options){ .timeout_ms = 30, .min_backoff_ms = 1 });
    struct waiter w;
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    fake_stream_end(stream());
    loop_turns(loop, 4);
    fake_stream_close(stream(), STATUS_OK, "");
    LOOP_UNTIL(loop, w.failed == 1);
    cr_assert_str_eq(w.status.message, "User is unreachable: User ended the stream");
    cr_assert_geq(dials.n, 2);
    name_release(w.name);
    stop();
}

Test(resolver, an_answer_that_cannot_be_decoded_is_a_break)
{
    start();
    struct waiter w;
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    fake_stream_push(stream(), bytes_of("\xff\xff\xff", 3));
    LOOP_UNTIL(loop, dials.n == 2 && requests() == 1);
    cr_assert_eq(dials.streams[0]->close_status.code, STATUS_INTERNAL);
    answer_all();
    LOOP_UNTIL(loop, w.known == 1);
    name_release(w.name);
    stop();
}

Test(resolver, backoff_grows_until_an_answer_resets_it)
{
    start_with(&(struct resolver_options){
        .timeout_ms = 60000, .min_backoff_ms = 4, .max_backoff_ms = 2000 });
    /* Waits at least half of 4, 8, 16 .. ms. A stream that opens but brings no
     * answer does not count as success. */
    for (size_t i = 1; i <= 8; i++) {
        lose_stream(STATUS_UNAVAILABLE, "down");
        LOOP_UNTIL(loop, dials.n == i + 1);
        uint64_t waited_ms = dials.at_ms[i] - dials.at_ms[i - 1];
        cr_assert_geq(waited_ms, (4u << (i - 1)) / 2, "try %zu came after %d ms", i,
                      (int)waited_ms);
    }
    LOOP_UNTIL(loop, requests() > 0);
    answer_all();
    LOOP_UNTIL(loop, stats().connected);
    uint64_t before_ms = loop_now_ms(loop);
    lose_stream(STATUS_UNAVAILABLE, "down");
    LOOP_UNTIL(loop, dials.n == 10);
    /* Not reset it would be 512 ms at least. */
    cr_assert_lt(dials.at_ms[9] - before_ms, 300);
    stop();
}

Test(resolver, backoff_is_bounded_and_dialling_may_fail)
{
    dials.error = EMFILE;
    start_with(
        &(struct resolver_options){ .timeout_ms = 30, .min_backoff_ms = 1, .max_backoff_ms = 4 });
    struct waiter w;
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, w.failed == 1);
    cr_assert_eq(w.status.code, STATUS_UNAVAILABLE);
    cr_assert_str_eq(w.status.message,
                     "User is unreachable: cannot open a stream to User: Too many open files");
    cr_assert_gt(dials.n, 3);
    dials.error = 0;
    LOOP_UNTIL(loop, stream() != NULL && requests() > 0);
    answer_all();
    LOOP_UNTIL(loop, name_state(w.name) == NAME_FOUND);
    name_release(w.name);
    stop();
}

/* --- What it tells of its stream
 * ------------------------------------------------------------------------------------------- */

static char link_story[16];

static void on_link(void *arg, bool up)
{
    cr_assert_eq(arg, &dials);
    strcat(link_story, up ? "+" : "-");
}

Test(resolver, tells_when_user_answers_and_when_it_is_gone)
{
    dials.error = EMFILE; /* the first attempt ends inside resolver_new() */
    start_with(
        &(struct resolver_options){ .timeout_ms = 5000, .min_backoff_ms = 1, .on_link = on_link });
    cr_assert_str_eq(link_story, "-");
    dials.error = 0;
    LOOP_UNTIL(loop, dials.n == 2 && requests() > 0);
    cr_assert_str_eq(link_story, "-", "open, but who is it?");
    answer_all();
    LOOP_UNTIL(loop, stats().connected);
    name_release(want_known("u1"));
    cr_assert_str_eq(link_story, "-+", "once");
    lose_stream(STATUS_UNAVAILABLE, "reset");
    LOOP_UNTIL(loop, dials.n == 3);
    lose_stream(STATUS_UNAVAILABLE, "refused");
    LOOP_UNTIL(loop, dials.n == 4 && requests() > 0);
    cr_assert_str_eq(link_story, "-+--");
    answer_all();
    LOOP_UNTIL(loop, stats().connected);
    stop();
    cr_assert_str_eq(link_story, "-+--+", "closing is no loss");
}

/* --- Time --------------------------------------------------------------------------- */

Test(resolver, a_wait_fails_when_user_is_silent)
{
    start_with(&(struct resolver_options){ .timeout_ms = 200 });
    struct waiter w, later;
    uint64_t before_ms = loop_now_ms(loop);
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    LOOP_UNTIL(loop, loop_now_ms(loop) >= before_ms + 20);
    wait_for(&later, "u1");
    LOOP_UNTIL(loop, w.failed == 1);
    cr_assert_geq(loop_now_ms(loop), before_ms + 200);
    cr_assert_eq(w.status.code, STATUS_UNAVAILABLE);
    cr_assert_str_eq(w.status.message, "User is unreachable: no answer within 200 ms");
    cr_assert_eq(later.failed, 0);
    LOOP_UNTIL(loop, later.failed == 1);
    cr_assert_geq(loop_now_ms(loop), before_ms + 220);
    cr_assert_lt(loop_now_ms(loop), before_ms + 390, "each wait has its own deadline");

    answer_all(); /* late, and yet good for the next one */
    LOOP_UNTIL(loop, name_state(w.name) == NAME_FOUND);
    cr_assert_eq(w.known, 0);
    name_release(w.name);
    name_release(later.name);
    stop();
}

Test(resolver, a_failed_wait_names_the_last_failure)
{
    start_with(&(struct resolver_options){ .timeout_ms = 40, .min_backoff_ms = 1 });
    struct waiter w;
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    lose_stream(STATUS_UNAVAILABLE, "connection refused");
    LOOP_UNTIL(loop, w.failed == 1);
    cr_assert_str_eq(w.status.message, "User is unreachable: connection refused");

    /* Once it answered the old failure is history. */
    answer_all();
    LOOP_UNTIL(loop, stats().connected);
    struct waiter silent;
    wait_for(&silent, "u2");
    LOOP_UNTIL(loop, silent.failed == 1);
    cr_assert_str_eq(silent.status.message, "User is unreachable: no answer within 40 ms");
    name_release(w.name);
    name_release(silent.name);
    stop();
}

Test(resolver, a_failure_without_words_is_named_by_its_code)
{
    start_with(&(struct resolver_options){ .timeout_ms = 30, .min_backoff_ms = 1000 });
    struct waiter w;
    wait_for(&w, "u1");
    lose_stream(STATUS_PERMISSION_DENIED, "");
    LOOP_UNTIL(loop, w.failed == 1);
    cr_assert_eq(w.status.code, STATUS_UNAVAILABLE);
    cr_assert_str_eq(w.status.message, "User is unreachable: PERMISSION_DENIED");
    name_release(w.name);
    stop();
}

Test(resolver, a_stream_whose_requests_are_not_answered_is_replaced)
{
    start_with(&(struct resolver_options){ .timeout_ms = 20, .min_backoff_ms = 1 });
    struct name *lost = want("u1"), *good = want("u2");
    LOOP_UNTIL(loop, requests() > 0);
    uint64_t asked_ms = loop_now_ms(loop);
    answer_ids((char *[]){ "u2" }, 1); /* and forgets about u1 */
    LOOP_UNTIL(loop, dials.n == 2);
    cr_assert_geq(loop_now_ms(loop), asked_ms + 100);
    cr_assert_eq(dials.streams[0]->close_status.code, STATUS_UNAVAILABLE);
    LOOP_UNTIL(loop, requests() > 0);
    answer_all();
    LOOP_UNTIL(loop, name_state(lost) == NAME_FOUND && name_state(good) == NAME_FOUND);
    name_release(lost);
    name_release(good);
    stop();
}

/* --- Callbacks that do things
 * ---------------------------------------------------------------------- */

Test(resolver, a_wait_can_be_stopped_and_started_in_a_callback)
{
    struct waiter stopper, stopped, started, other;
    start();
    wait_for(&stopper, "u1");
    wait_for(&stopped, "u1");
    wait_for(&other, "u2");
    waiter_init(&started, "u3");
    stopper.stops = &stopped;
    stopper.starts = &started;
    stopper.releases = true;
    LOOP_UNTIL(loop, requests() > 0);
    cr_assert_eq(ids_in(0), 3);
    answer_ids((char *[]){ "u1", "u2" }, 2);
    LOOP_UNTIL(loop, stopper.known == 1 && other.known == 1);
    cr_assert_eq(stopped.known + stopped.failed, 0);
    cr_assert_eq(started.known, 0);
    answer_ids((char *[]){ "u3" }, 1);
    LOOP_UNTIL(loop, started.known == 1);
    loop_turns(loop, 8);
    cr_assert_eq(stopped.known + stopped.failed, 0);
    name_wait_stop(&stopped.wait); /* fine if nothing is waited for */
    name_release(stopped.name);
    name_release(other.name);
    name_release(started.name);
    stop();
}

Test(resolver, a_wait_that_fails_may_stop_others_and_start_again)
{
    struct waiter stopper, stopped;
    start_with(&(struct resolver_options){ .timeout_ms = 20 });
    wait_for(&stopper, "u1");
    wait_for(&stopped, "u2");
    stopper.stops = &stopped;
    stopper.starts = &stopper; /* tries again, for ever */
    LOOP_UNTIL(loop, stopper.failed == 3);
    cr_assert_eq(stopped.failed, 0);
    name_wait_stop(&stopper.wait);
    name_release(stopper.name);
    name_release(stopped.name);
    stop();
}

Test(resolver, a_stopped_wait_is_forgotten)
{
    struct waiter w;
    start_with(&(struct resolver_options){ .timeout_ms = 20 });
    wait_for(&w, "u1");
    LOOP_UNTIL(loop, requests() > 0);
    name_wait_stop(&w.wait);
    uint64_t now_ms = loop_now_ms(loop);
    answer_all();
    LOOP_UNTIL(loop, name_state(w.name) == NAME_FOUND);
    LOOP_UNTIL(loop, loop_now_ms(loop) > now_ms + 40);
    cr_assert_eq(w.known + w.failed, 0);
    name_release(w.name);
    stop();
}

/* --- Closing
 * ---------------------------------------------------------------------------------------- */

Test(resolver, closes_while_connecting)
{
    start();
    stop();
    cr_assert_eq(dials.n, 1);
}

Test(resolver, closes_while_connected_with_names_cached_and_asked)
{
    start();
    name_release(want_known("u1"));
    struct name *asked = want("u2");
    size_t before = requests();
    LOOP_UNTIL(loop, requests() > before);
    name_release(asked);
    cr_assert_eq(stats().names, 2);
    stop();
}

Test(resolver, closes_while_it_waits_to_dial)
{
    start_with(&(struct resolver_options){
        .timeout_ms = 5000, .min_backoff_ms = 60000, .max_backoff_ms = 60000 });
    lose_stream(STATUS_UNAVAILABLE, "down");
    LOOP_UNTIL(loop, stream()->closed);
    stop();
    cr_assert_eq(dials.n, 1);
}

Test(resolver, closes_while_it_cannot_send)
{
    dials.closed = true;
    start();
    struct name *n = want("u1");
    LOOP_UNTIL(loop, stats().asked == 1);
    name_release(n);
    stop();
}

static bool closed_inside;

static void on_known_close(struct name_wait *wait)
{
    struct waiter *w = container_of(wait, struct waiter, wait);
    w->known++;
    name_release(w->name);
    resolver_close(resolver, on_closed, &closed_inside);
}

Test(resolver, closes_in_the_callback_of_the_last_wait)
{
    start();
    struct waiter w;
    wait_for(&w, "u1");
    w.wait.known = on_known_close;
    LOOP_UNTIL(loop, requests() > 0);
    answer_all();
    LOOP_UNTIL(loop, closed_inside);
    cr_assert_eq(w.known, 1);
    fake_stream_free(stream());
    loop_free(loop);
    assert_no_leaks();
}
