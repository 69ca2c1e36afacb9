/* News: who looks, how often, and what may happen in a look. That they bring the
 * changes with them to other threads is also for tests/stress/news.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "weir/news.h"

enum { NLOOPS = 2, MEMBERS = 4 };

static struct loop *g_loops[NLOOPS];
static struct news g_news;

static void init(void)
{
    for (unsigned i = 0; i < NLOOPS; i++) {
        cr_assert_eq(loop_new(&g_loops[i], LOOP_IN_UV), 0);
        loop_set_index(g_loops[i], i);
    }
    cr_assert_eq(news_init(&g_news, g_loops, NLOOPS), 0);
}

/* In the body of each test, where a failure counts. */
static void close_all(void)
{
    for (int i = 0; i < NLOOPS; i++)
        loop_free(g_loops[i]);
    news_close(&g_news);
    assert_no_leaks();
}

TestSuite(news, .init = init);

static void turn(void)
{
    for (int i = 0; i < NLOOPS; i++)
        loop_turns(g_loops[i], 3);
}

struct counted {
    struct news_reader reader;
    int looks;
};

static void count_look(struct news_reader *reader)
{
    container_of(reader, struct counted, reader)->looks++;
}

/* --- When they look ----------------------------------------------------------------- */

Test(news, readers_of_every_loop_look_after_each_publish)
{
    struct counted c[NLOOPS] = { { .reader.look = count_look }, { .reader.look = count_look } };
    for (int i = 0; i < NLOOPS; i++)
        news_join(&g_news, g_loops[i], &c[i].reader);
    turn();
    cr_assert_eq(c[0].looks + c[1].looks, 0, "there was no news");
    for (int i = 1; i <= 3; i++) {
        news_publish(&g_news);
        cr_assert_eq(c[0].looks, i - 1, "not from inside the publish");
        loop_turns(g_loops[0], 3);
        cr_assert_eq(c[0].looks, i);
        cr_assert_eq(c[1].looks, i - 1, "its loop has not run");
        loop_turns(g_loops[1], 3);
        cr_assert_eq(c[1].looks, i);
    }
    for (int i = 0; i < NLOOPS; i++)
        news_leave(&c[i].reader);
    close_all();
}

Test(news, those_that_a_loop_has_not_heard_are_one)
{
    struct counted c = { .reader.look = count_look };
    news_join(&g_news, g_loops[0], &c.reader);
    for (int i = 0; i < 1000; i++)
        news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 1);
    news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 2, "and then they come as ever");
    news_leave(&c.reader);
    close_all();
}

Test(news, those_of_before_the_join_are_not_kept_for_it)
{
    struct counted c = { .reader.look = count_look };
    news_publish(&g_news);
    turn();
    news_join(&g_news, g_loops[1], &c.reader);
    turn();
    cr_assert_eq(c.looks, 0);
    news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 1);
    news_leave(&c.reader);
    close_all();
}

Test(news, nobody_looks_after_having_left)
{
    struct counted c = { .reader.look = count_look };
    news_leave(&c.reader); /* fine: it has not joined */
    news_join(&g_news, g_loops[0], &c.reader);
    news_publish(&g_news);
    news_leave(&c.reader);
    news_leave(&c.reader);
    turn();
    cr_assert_eq(c.looks, 0, "it left before its loop heard");
    news_join(&g_news, g_loops[0], &c.reader);
    news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 1, "who left may join again");
    news_leave(&c.reader);
    news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 1);
    close_all();
}

/* --- What happens in a look --------------------------------------------------------- */

struct member {
    struct news_reader reader;
    struct member **ends; /* who leaves when it looks; NULL: nobody */
    int at;
};

static struct member *g_members[MEMBERS];
static int g_looks[MEMBERS];

static void end_member(struct member **m)
{
    news_leave(&(*m)->reader);
    free(*m);
    *m = NULL;
}

static void look_and_end(struct news_reader *reader)
{
    struct member *m = container_of(reader, struct member, reader);
    struct member **ends = m->ends;
    g_looks[m->at]++;
    if (ends != NULL && *ends != NULL)
        end_member(ends);
}

static void open_members(void)
{
    for (int i = 0; i < MEMBERS; i++) {
        g_members[i] = calloc(1, sizeof *g_members[i]);
        g_members[i]->reader.look = look_and_end;
        g_members[i]->at = i;
        g_looks[i] = 0;
        news_join(&g_news, g_loops[0], &g_members[i]->reader);
    }
}

static void end_members(void)
{
    for (int i = 0; i < MEMBERS; i++)
        if (g_members[i] != NULL)
            end_member(&g_members[i]);
}

/* Those who left are freed at once, and under AddressSanitizer nobody may touch
 * them. They look in the order of their joining. */
Test(news, a_look_may_end_any_reader)
{
    for (int who = 0; who < MEMBERS; who++) {
        for (int whom = 0; whom < MEMBERS; whom++) {
            open_members();
            g_members[who]->ends = &g_members[whom];
            news_publish(&g_news);
            turn();
            for (int i = 0; i < MEMBERS; i++)
                cr_assert_eq(g_looks[i], i == whom && who < whom ? 0 : 1,
                             "%d ends %d: %d looks of %d", who, whom, g_looks[i], i);
            news_publish(&g_news);
            turn();
            for (int i = 0; i < MEMBERS; i++)
                cr_assert_eq(g_looks[i],
                             i != whom    ? 2
                             : who < whom ? 0
                                          : 1,
                             "%d has ended %d: %d looks of %d", who, whom, g_looks[i], i);
            end_members();
        }
    }
    close_all();
}

static void look_and_end_all(struct news_reader *reader)
{
    g_looks[container_of(reader, struct member, reader)->at]++;
    end_members();
}

Test(news, a_look_may_end_all_readers)
{
    open_members();
    g_members[1]->reader.look = look_and_end_all;
    news_publish(&g_news);
    turn();
    news_publish(&g_news);
    turn();
    cr_assert_eq(g_looks[0], 1);
    cr_assert_eq(g_looks[1], 1);
    cr_assert_eq(g_looks[2] + g_looks[3], 0);
    close_all();
}

struct guests {
    struct counted host, guest;
};

static void look_and_invite(struct news_reader *reader)
{
    struct guests *g = container_of(reader, struct guests, host.reader);
    if (g->host.looks++ == 0)
        news_join(&g_news, g_loops[0], &g->guest.reader);
}

Test(news, who_joins_in_a_look_hears_the_next)
{
    struct guests g = { { .reader.look = look_and_invite }, { .reader.look = count_look } };
    news_join(&g_news, g_loops[0], &g.host.reader);
    news_publish(&g_news);
    turn();
    cr_assert_eq(g.host.looks, 1);
    cr_assert_eq(g.guest.looks, 0, "it looks by itself when it joins");
    news_publish(&g_news);
    turn();
    cr_assert_eq(g.host.looks, 2);
    cr_assert_eq(g.guest.looks, 1);
    news_leave(&g.host.reader);
    news_leave(&g.guest.reader);
    close_all();
}

static void look_and_join_again(struct news_reader *reader)
{
    count_look(reader);
    news_leave(reader);
    news_join(&g_news, g_loops[0], reader);
}

/* Were it due again, the walk would have no end. */
Test(news, who_leaves_and_joins_in_its_look_looks_once)
{
    struct counted c = { .reader.look = look_and_join_again };
    struct counted other = { .reader.look = count_look };
    news_join(&g_news, g_loops[0], &c.reader);
    news_join(&g_news, g_loops[0], &other.reader);
    news_publish(&g_news);
    turn();
    cr_assert_eq(c.looks, 1);
    cr_assert_eq(other.looks, 1);
    news_leave(&c.reader);
    news_leave(&other.reader);
    close_all();
}

static void look_and_publish(struct news_reader *reader)
{
    count_look(reader);
    if (container_of(reader, struct counted, reader)->looks == 1)
        news_publish(&g_news);
}

Test(news, a_publish_in_a_look_is_heard_by_all)
{
    struct counted first = { .reader.look = count_look };
    struct counted c = { .reader.look = look_and_publish };
    struct counted last = { .reader.look = count_look };
    news_join(&g_news, g_loops[0], &first.reader);
    news_join(&g_news, g_loops[0], &c.reader);
    news_join(&g_news, g_loops[1], &last.reader);
    news_publish(&g_news);
    turn();
    cr_assert_eq(first.looks, 2, "it had looked before that");
    cr_assert_eq(c.looks, 2);
    cr_assert_eq(last.looks, 1, "both were there when its loop ran");
    news_leave(&first.reader);
    news_leave(&c.reader);
    news_leave(&last.reader);
    close_all();
}

/* --- Threads ------------------------------------------------------------------------ */

enum { WRITERS = 3, CHANGES = 20000 };

static atomic_uint g_source;

struct place {
    struct news_reader reader;
    pthread_t thread; /* of its loop */
    bool is_at_home;
    unsigned told;
};

static void look_at_source(struct news_reader *reader)
{
    struct place *p = container_of(reader, struct place, reader);
    p->is_at_home = p->is_at_home && pthread_equal(p->thread, pthread_self());
    p->told = atomic_load_explicit(&g_source, memory_order_relaxed);
}

static void *write_source(void *arg)
{
    (void)arg;
    for (int i = 0; i < CHANGES; i++) {
        atomic_fetch_add_explicit(&g_source, 1, memory_order_relaxed);
        news_publish(&g_news);
        if (i % 64 == 0) /* let the loops fall asleep now and then */
            usleep(50);
    }
    return NULL;
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void on_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void start_place(struct place *p, int i)
{
    *p = (struct place){ .reader.look = look_at_source, .is_at_home = true };
    news_join(&g_news, g_loops[i], &p->reader);
    cr_assert_eq(pthread_create(&p->thread, NULL, run_loop, g_loops[i]), 0);
}

/* A stop is posted behind the news of all writers, so a loop has heard them by
 * then. */
Test(news, no_change_of_another_thread_is_missed)
{
    struct place places[NLOOPS];
    pthread_t writers[WRITERS];
    for (int i = 0; i < NLOOPS; i++)
        start_place(&places[i], i);
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&writers[i], NULL, write_source, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    for (int i = 0; i < NLOOPS; i++)
        cr_assert_eq(loop_post(g_loops[i], on_stop, NULL), 0);
    for (int i = 0; i < NLOOPS; i++) {
        pthread_join(places[i].thread, NULL);
        cr_assert_eq(places[i].told, WRITERS * CHANGES);
        cr_assert(places[i].is_at_home);
        news_leave(&places[i].reader);
    }
    close_all();
}

/* --- Memory ------------------------------------------------------------------------- */

Test(news, without_memory_there_are_none)
{
    struct news news;
    heap_watch();
    heap_fail_at(1);
    cr_assert_eq(news_init(&news, g_loops, NLOOPS), ENOMEM);
    cr_assert_eq(heap_live(), 0);
    news_close(&news); /* fine */
    close_all();
}

Test(news, to_publish_needs_no_memory)
{
    struct counted c = { .reader.look = count_look };
    news_join(&g_news, g_loops[0], &c.reader);
    heap_fail_at(1);
    news_publish(&g_news);
    turn();
    cr_assert_not(heap_failed());
    heap_fail_at(0);
    cr_assert_eq(c.looks, 1);
    news_leave(&c.reader);
    close_all();
}

/* As at the end of a program: nobody looks, and nothing is left. */
Test(news, loops_may_go_with_news_that_they_have_not_heard)
{
    news_publish(&g_news);
    close_all();
}
