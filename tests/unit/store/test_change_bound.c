/* The log of changes is bounded: what is kept, what is gone, and who is told so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "lib/store_world.h"
#include "store/lmdb/change_log.h"

#define KEEP 500

/* A change of the shortest id there is takes this much at least. */
#define BLOCK_CHANGES_MAX (BLOCK_BYTES / (CHANGE_BYTES_MAX - STORE_ID_MAX + 1))

static struct store_world w = { .options.keep_changes = KEEP };

static void init(void)
{
    store_world_open(&w);
}

static void fini(void)
{
    store_world_close(&w);
}

TestSuite(change_bound, .init = init, .fini = fini);

/* A commit of @n changes, with numbers for ids. */
static void change(unsigned n)
{
    static unsigned next;
    for (unsigned i = 0; i < n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", ++next);
        store_put(&w, "g", id, "");
    }
    store_commit(&w);
}

static bool go_on(struct change_visit *visit, const struct change *c)
{
    (void)visit;
    (void)c;
    return true;
}

static int ask_after(uint64_t revision)
{
    struct change_visit v = { go_on };
    return reader_changes(w.reader, &revision, &v);
}

static bool count_visit(struct change_visit *visit, const struct change *c)
{
    (void)c;
    visit->change = go_on;
    return true;
}

/* Exactly what the log has is told. */
static void expect_expired_before_the_oldest(void)
{
    const struct store_stats s = store_figures(&w);
    store_begin(&w);
    cr_assert_eq(ask_after(s.revision - s.changes), 0);
    cr_assert_eq(ask_after(s.revision), 0);
    if (s.changes < s.revision) {
        struct change_visit v = { count_visit };
        uint64_t revision = s.revision - s.changes - 1;
        cr_assert_eq(reader_changes(w.reader, &revision, &v), READER_EXPIRED);
        cr_assert_eq(revision, s.revision - s.changes - 1);
        cr_assert(v.change == count_visit, "none was visited");
        cr_assert_eq(ask_after(0), READER_EXPIRED);
    }
    store_end(&w);
}

static void expect_bound(void)
{
    const struct store_stats s = store_figures(&w);
    if (s.revision < KEEP)
        cr_assert_eq(s.changes, s.revision, "none is dropped before there are that many");
    cr_assert_geq(s.changes, s.revision < KEEP ? s.revision : KEEP);
    cr_assert_leq(s.changes, KEEP + BLOCK_CHANGES_MAX, "%zu", (size_t)s.changes);
}

Test(change_bound, holds_for_commits_of_every_size)
{
    for (unsigned i = 0; i < 200; i++) {
        change(i * 37 % 101 + 1);
        expect_bound();
        if (i % 10 == 0)
            expect_expired_before_the_oldest();
    }
    store_sound(&w);
}

Test(change_bound, holds_for_one_change_at_a_time)
{
    for (unsigned i = 0; i < KEEP + 100; i++) {
        change(1);
        expect_bound();
    }
    expect_expired_before_the_oldest();
}

/* Each block of one change gives way to one of many. */
Test(change_bound, holds_when_large_commits_follow_small_ones)
{
    for (unsigned i = 0; i < KEEP; i++)
        change(1);
    for (unsigned i = 0; i < 5; i++) {
        change(200);
        expect_bound();
    }
    change(4000);
    expect_bound();
    store_sound(&w);
}

Test(change_bound, one_change_is_always_kept)
{
    w.options.keep_changes = 1;
    store_world_stop(&w);
    store_world_start(&w);
    for (unsigned i = 0; i < 10; i++) {
        change(1);
        cr_assert_eq(store_figures(&w).changes, 1);
        expect_expired_before_the_oldest();
    }
    store_sound(&w);
}

/* One of 100 blocks and more, as a commit drops 64 of them. */
Test(change_bound, that_is_lowered_shrinks_the_log_over_commits)
{
    w.options.keep_changes = 0;
    store_world_stop(&w);
    store_world_start(&w);
    for (unsigned i = 0; i < 10; i++)
        change(4000);
    cr_assert_eq(store_figures(&w).changes, 40000, "as many as that are kept by default");
    w.options.keep_changes = KEEP;
    store_world_stop(&w);
    store_world_start(&w);
    unsigned commits = 0;
    for (uint64_t before = 40000, now; before > KEEP + BLOCK_CHANGES_MAX; before = now) {
        change(1);
        commits++;
        now = store_figures(&w).changes;
        cr_assert_lt(now, before);
        cr_assert_leq(before - now, (uint64_t)PRUNE_BLOCKS * BLOCK_CHANGES_MAX + 1);
        expect_expired_before_the_oldest();
    }
    cr_assert_gt(commits, 3);
    expect_bound();
    store_sound(&w);
}

Test(change_bound, a_step_under_way_keeps_what_it_has)
{
    change(KEEP);
    store_begin(&w);
    uint64_t revision = 0;
    store_changes(&w, &revision, 10, 1);
    cr_assert_eq(revision, 10);
    for (unsigned i = 0; i < 20; i++)
        change(KEEP);
    cr_assert_eq(ask_after(0), 0);
    store_changes(&w, &revision, SIZE_MAX, 0);
    cr_assert_eq(revision, KEEP);
    store_end(&w);
    store_begin(&w);
    cr_assert_eq(ask_after(revision), READER_EXPIRED);
    store_end(&w);
}
