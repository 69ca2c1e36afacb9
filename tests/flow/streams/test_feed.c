/* The feed of changes: who is woken, when, and from where on. The commits are real, and
 * the test says when there is news of them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/store_numbers.h"
#include "lib/tmpdir.h"
#include "store/store.h"
#include "streams/feed.h"

static struct loop *loop;
static struct store *store;
static struct reader *reader;
static struct news news;
static struct feed feed;
static char *dir;

static void start_keeping(uint64_t keep_changes)
{
    char error[STORE_ERROR_MAX];
    const struct store_options options = { .keep_changes = keep_changes };
    dir = tmpdir_make();
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(news_init(&news, &loop, 1), 0);
    cr_assert_eq(store_open(&store, dir, "posts", &options, error), 0, "%s", error);
    cr_assert_eq(reader_new(&reader, store, loop, error), 0, "%s", error);
    feed_init(&feed, loop, reader, &news);
}

static void start(void)
{
    start_keeping(0);
}

static void stop(void)
{
    feed_close(&feed);
    reader_free(reader);
    store_close(store);
    loop_free(loop);
    news_close(&news);
    tmpdir_remove(dir);
    assert_no_leaks();
}

/* --- Commits ------------------------------------------------------------------------ */

static bool written;

static void on_written(struct write_batch *batch)
{
    cr_assert_str_empty(batch->error);
    written = true;
}

/* A record of this group, of which there is no news yet. */
static void commit(const char *group)
{
    static unsigned n;
    char id[16];
    snprintf(id, sizeof id, "r%u", n++);
    struct write_record record = { .group = bytes_of_text(group),
                                   .id = bytes_of_text(id),
                                   .value = bytes_of_text("value") };
    struct write_batch batch = {
        .records = &record, .nrecords = 1, .loop = loop, .done = on_written
    };
    written = false;
    store_write(store, &batch);
    LOOP_UNTIL(loop, written);
}

static void tell(void)
{
    news_publish(&news);
    loop_turns(loop, 3);
}

static void put(const char *group)
{
    commit(group);
    tell();
}

/* --- Followers ---------------------------------------------------------------------- */

struct seat {
    struct follower f;
    unsigned woken;
    struct seat *leaves[2]; /* when it is woken */
};

static void on_behind(struct follower *f)
{
    struct seat *seat = container_of(f, struct seat, f);
    cr_assert_eq(f->state, FOLLOWER_BEHIND);
    seat->woken++;
    for (size_t i = 0; i < 2; i++)
        if (seat->leaves[i] != NULL)
            feed_leave(&seat->leaves[i]->f);
}

static void begin(void)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(reader_begin(reader, error), 0, "%s", error);
}

static int try_join(struct seat *seat, const char *group)
{
    begin();
    seat->f = (struct follower){ .behind = on_behind,
                                 .all = group == NULL,
                                 .group = bytes_of_text(group != NULL ? group : ""),
                                 .revision = revision_of(reader) };
    const int rv = feed_join(&feed, &seat->f);
    reader_end(reader);
    cr_assert(rv != 0 || feed_caught_up(&seat->f), "the feed knows of no more");
    return rv;
}

/* NULL: of all. */
static void join(struct seat *seat, const char *group)
{
    cr_assert_eq(try_join(seat, group), 0);
    cr_assert_eq(seat->f.state, FOLLOWER_LIVE);
}

/* It has read all there is. */
static void catch_up(struct seat *seat)
{
    begin();
    seat->f.revision = revision_of(reader);
    feed_caught_up(&seat->f);
    reader_end(reader);
}

static void expect_woken(struct seat *seat, unsigned times)
{
    cr_assert_eq(seat->woken, times, "%u times, not %u", seat->woken, times);
    cr_assert_eq(seat->f.state, times > 0 ? FOLLOWER_BEHIND : FOLLOWER_LIVE);
    seat->woken = 0;
}

/* --- Who is woken ------------------------------------------------------------------- */

Test(feed, wakes_those_whom_a_change_concerns)
{
    struct seat a = { 0 }, b = { 0 }, all = { 0 };
    start();
    commit("a");
    commit("b");
    join(&a, "a");
    join(&b, "b");
    join(&all, NULL);
    put("a");
    expect_woken(&a, 1);
    expect_woken(&b, 0);
    expect_woken(&all, 1);
    cr_assert_eq(a.f.revision, 2, "what was before was told");
    catch_up(&all);
    put("b");
    put("a");
    cr_assert(a.woken == 0 && a.f.revision == 2, "once, until it has caught up");
    cr_assert_eq(b.f.revision, 3);
    cr_assert_eq(all.f.revision, 3);
    feed_leave(&a.f);
    feed_leave(&b.f);
    feed_leave(&all.f);
    stop();
}

/* The first change of a group that was told nothing for long: what was between is for
 * others, and it need not read that. */
Test(feed, wakes_from_the_change_on)
{
    struct seat a = { 0 };
    start();
    commit("a");
    join(&a, "a");
    for (int i = 0; i < 10; i++)
        put("b");
    expect_woken(&a, 0);
    cr_assert_eq(follower_revision(&a.f), 11);
    for (int i = 0; i < 3; i++)
        commit("b");
    commit("a");
    commit("a");
    tell();
    expect_woken(&a, 1);
    cr_assert_eq(a.f.revision, 14);
    cr_assert_eq(follower_revision(&a.f), 14);
    feed_leave(&a.f);
    stop();
}

Test(feed, looks_for_a_group_that_comes_to_be)
{
    struct seat a = { 0 }, b = { 0 };
    start();
    join(&a, "a");
    join(&b, "b");
    put("other");
    put("a");
    expect_woken(&a, 1);
    expect_woken(&b, 0);
    catch_up(&a);
    commit("b");
    commit("a");
    tell();
    expect_woken(&a, 1);
    expect_woken(&b, 1);
    feed_leave(&a.f);
    feed_leave(&b.f);
    stop();
}

/* Followers that join, or have caught up, know more than the feed has read, if there is a
 * commit whose news are still to come. */
Test(feed, wakes_one_that_was_ahead_of_the_news)
{
    struct seat all = { 0 }, first = { 0 }, a = { 0 };
    start();
    join(&first, NULL);
    commit("a");
    join(&all, NULL);
    join(&a, "a");
    commit("a");
    tell();
    expect_woken(&all, 1);
    expect_woken(&a, 1);
    expect_woken(&first, 1);
    cr_assert_eq(first.f.revision, 0);
    cr_assert_eq(all.f.revision, 1, "from what it has told on");
    cr_assert_eq(a.f.revision, 1);
    commit("a");
    catch_up(&all);
    commit("b");
    tell();
    expect_woken(&all, 1);
    cr_assert_eq(all.f.revision, 3);
    feed_leave(&all.f);
    feed_leave(&first.f);
    feed_leave(&a.f);
    stop();
}

Test(feed, does_not_wake_for_what_was_told)
{
    struct seat all = { 0 }, first = { 0 }, a = { 0 };
    start();
    commit("a");
    join(&first, NULL);
    commit("a");
    join(&all, NULL);
    join(&a, "a");
    tell();
    expect_woken(&first, 1);
    expect_woken(&all, 0);
    expect_woken(&a, 0);
    feed_leave(&all.f);
    feed_leave(&first.f);
    feed_leave(&a.f);
    stop();
}

Test(feed, finds_each_of_many)
{
    enum { N = 500 };
    static struct seat seats[N];
    char group[N][8];
    start();
    for (size_t i = 0; i < N; i++) {
        snprintf(group[i], sizeof group[i], "g%zu", i);
        if (i % 2 == 0)
            commit(group[i]);
        join(&seats[i], group[i]);
    }
    cr_assert_eq(counter_get(&feed.stats.followers), N);
    for (size_t i = 0; i < N; i++) {
        put(group[i]);
        expect_woken(&seats[i], 1);
    }
    for (size_t i = 0; i < N; i++) {
        cr_assert_eq(seats[i].woken, 0, "for others");
        feed_leave(&seats[i].f);
    }
    stop();
}

Test(feed, wakes_all_where_the_log_is_cut)
{
    struct seat a = { 0 }, b = { 0 }, all = { 0 };
    start_keeping(5);
    commit("a");
    commit("b");
    join(&a, "a");
    join(&b, "b");
    join(&all, NULL);
    for (int i = 0; i < 50; i++)
        commit("c");
    tell();
    expect_woken(&a, 1);
    expect_woken(&b, 1);
    expect_woken(&all, 1);
    cr_assert(a.f.revision == 2 && b.f.revision == 2 && all.f.revision == 2);
    feed_leave(&a.f);
    feed_leave(&b.f);
    feed_leave(&all.f);
    stop();
}

/* --- Leaving ------------------------------------------------------------------------ */

static void check_leaving(const char *group)
{
    struct seat seats[5] = { 0 };
    start();
    commit("a");
    for (size_t i = 0; i < 5; i++)
        join(&seats[i], group);
    seats[0].leaves[0] = &seats[0];
    seats[1].leaves[0] = &seats[1];
    seats[1].leaves[1] = &seats[2];
    seats[3].leaves[0] = &seats[0];
    put("a");
    cr_assert(seats[0].woken == 1 && seats[1].woken == 1 && seats[2].woken == 0);
    cr_assert(seats[3].woken == 1 && seats[4].woken == 1);
    cr_assert_eq(counter_get(&feed.stats.followers), 2);
    seats[3].leaves[0] = &seats[3];
    seats[3].leaves[1] = &seats[4];
    catch_up(&seats[3]);
    put("a");
    cr_assert_eq(seats[3].woken, 2);
    cr_assert_eq(counter_get(&feed.stats.followers), 0);
    put("a");
    stop();
}

Test(feed, lets_followers_of_a_group_leave_while_it_wakes_them)
{
    check_leaving("a");
}

Test(feed, lets_followers_of_all_leave_while_it_wakes_them)
{
    check_leaving(NULL);
}

Test(feed, lets_go_who_never_joined)
{
    struct seat a = { 0 };
    start();
    feed_leave(&a.f);
    join(&a, "a");
    feed_leave(&a.f);
    feed_leave(&a.f);
    stop();
}

/* Where nobody follows, news are for nobody: the next one begins where the store is. */
Test(feed, reads_nothing_for_nobody)
{
    struct seat a = { 0 };
    start();
    put("a");
    cr_assert_eq(feed.revision, 0);
    join(&a, NULL);
    cr_assert_eq(feed.revision, 1);
    feed_leave(&a.f);
    put("a");
    cr_assert_eq(feed.revision, 1);
    join(&a, "a");
    cr_assert_eq(feed.revision, 2);
    feed_leave(&a.f);
    stop();
}

/* --- What is counted ---------------------------------------------------------------- */

static void expect_stats(uint64_t followers, uint64_t behind, uint64_t lag)
{
    cr_assert_eq(counter_get(&feed.stats.followers), followers);
    cr_assert_eq(counter_get(&feed.stats.behind), behind);
    cr_assert_eq(counter_get(&feed.stats.lag), lag);
}

Test(feed, counts)
{
    struct seat a = { 0 }, b = { 0 }, all = { 0 };
    start();
    commit("b");
    join(&a, "a");
    join(&b, "b");
    join(&all, NULL);
    expect_stats(3, 0, 0);
    put("b");
    expect_stats(3, 2, 1);
    put("b");
    put("a");
    expect_stats(3, 3, 3);
    catch_up(&b);
    catch_up(&all);
    put("c");
    expect_stats(3, 2, 2);
    feed_leave(&all.f);
    expect_stats(2, 1, 2);
    feed_leave(&a.f);
    expect_stats(1, 0, 0);
    feed_leave(&b.f);
    expect_stats(0, 0, 0);
    stop();
}

/* --- Turns -------------------------------------------------------------------------- */

struct queuer {
    struct feed_turn turn;
    unsigned runs, again;
    uint64_t takes_ns;
    unsigned *order, place;
};

static void on_turn(struct feed_turn *turn)
{
    struct queuer *q = container_of(turn, struct queuer, turn);
    const uint64_t end = clock_ns() + q->takes_ns;
    while (clock_ns() < end)
        ;
    q->runs++;
    q->place = q->order != NULL ? (*q->order)++ : 0;
    if (q->again > 0) {
        q->again--;
        feed_wait_turn(&feed, turn);
    }
}

Test(feed, gives_turns_in_their_order)
{
    struct queuer q[3];
    unsigned order = 1;
    start();
    for (size_t i = 0; i < 3; i++)
        q[i] = (struct queuer){ .turn.run = on_turn, .order = &order };
    q[0].again = 1;
    feed_wait_turn(&feed, &q[0].turn);
    feed_wait_turn(&feed, &q[1].turn);
    feed_wait_turn(&feed, &q[0].turn);
    feed_wait_turn(&feed, &q[2].turn);
    cr_assert_eq(q[0].runs, 0, "not from inside");
    feed_cancel_turn(&q[1].turn);
    feed_cancel_turn(&q[1].turn);
    LOOP_UNTIL(loop, q[0].runs == 2);
    cr_assert(q[1].runs == 0 && q[2].runs == 1);
    cr_assert(q[2].place == 2 && q[0].place == 3);
    loop_turns(loop, 3);
    cr_assert_eq(order, 4);
    feed_wait_turn(&feed, &q[1].turn);
    LOOP_UNTIL(loop, q[1].runs == 1);
    stop();
}

static unsigned rounds;

static void on_round(struct task *task)
{
    rounds++;
    task_defer(loop, task);
}

/* Others on the loop have theirs in between: a round has a millisecond for turns. */
Test(feed, leaves_rounds_to_others)
{
    enum { N = 20 };
    struct queuer q[N];
    struct task other = { .run = on_round };
    start();
    for (size_t i = 0; i < N; i++) {
        q[i] = (struct queuer){ .turn.run = on_turn, .takes_ns = 600000 };
        feed_wait_turn(&feed, &q[i].turn);
    }
    rounds = 0;
    task_defer(loop, &other);
    LOOP_UNTIL(loop, q[N - 1].runs == 1);
    cr_assert_geq(rounds, N / 2 - 1);
    task_cancel(&other);
    stop();
}

Test(feed, may_be_closed_while_turns_wait)
{
    struct queuer q = { .turn.run = on_turn };
    start();
    feed_wait_turn(&feed, &q.turn);
    feed_cancel_turn(&q.turn);
    stop();
    cr_assert_eq(q.runs, 0);
}

/* --- No memory ---------------------------------------------------------------------- */

Test(feed, needs_memory_for_the_first_of_a_group_only)
{
    enum { N = 200 };
    static struct seat seats[N], all;
    start();
    commit("a");
    heap_fail_at(1);
    cr_assert_eq(try_join(&seats[0], "a"), ENOMEM);
    cr_assert(heap_failed());
    cr_assert_eq(seats[0].f.state, FOLLOWER_OUT);
    feed_leave(&seats[0].f);
    heap_fail_at(1);
    join(&all, NULL);
    heap_fail_at(0);
    join(&seats[0], "a");
    for (size_t i = 1; i < N; i++) {
        heap_fail_at(1); /* more buckets would be better, and are not needed */
        join(&seats[i], "a");
    }
    heap_fail_at(0);
    put("a");
    for (size_t i = 0; i < N; i++) {
        expect_woken(&seats[i], 1);
        feed_leave(&seats[i].f);
    }
    feed_leave(&all.f);
    stop();
}

/* --- Many of one group -------------------------------------------------------------- */

static size_t length(const struct ring *ring)
{
    size_t n = 0;
    for (const struct ring *at = ring->next; at != ring; at = at->next)
        n++;
    return n;
}

/* Those who are behind are not looked at for the changes that follow. */
Test(feed, who_is_behind_is_out_of_the_way)
{
    enum { N = 100 };
    static struct seat seats[N], other;
    start();
    put("a");
    put("b");
    for (int i = 0; i < N; i++)
        join(&seats[i], "a");
    join(&other, "b");
    put("a");
    cr_assert_eq(length(&feed.behind), N);
    cr_assert(ring_empty(&seats[0].f.of->live), "nobody of them is left to be woken");
    put("a");
    for (int i = 0; i < N; i++)
        cr_assert_eq(seats[i].woken, 1);
    cr_assert_eq(other.woken, 0);
    for (int i = 0; i < N; i++)
        feed_leave(&seats[i].f);
    feed_leave(&other.f);
    cr_assert_eq(feed.ngroups, 0);
    stop();
}

/* A store that could not be read is tried again, though nothing else is committed. */
Test(feed, tries_again_without_news)
{
    struct seat seat = { 0 };
    start();
    put("a");
    join(&seat, NULL);
    commit("a");
    begin(); /* a step is open: another cannot begin */
    news_publish(&news);
    loop_turns(loop, 3);
    cr_assert_eq(seat.woken, 0);
    reader_end(reader);
    LOOP_UNTIL(loop, seat.woken == 1);
    feed_leave(&seat.f);
    stop();
}
