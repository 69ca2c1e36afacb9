/* News between loops and writers, each a thread: that they bring with them what
 * every writer wrote, and that none is missed while readers come and go.
 *
 *   stress-news [ROUNDS [SEED]]
 *
 * With a main of its own, as Criterion does not start under ThreadSanitizer. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir/loop.h"
#include "weir/news.h"

enum { LOOPS = 3, WRITERS = 3, SEATS = 16, CHANGES = 2000 };

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "stress-news: " __VA_ARGS__);                                          \
            fprintf(stderr, " (%s)\n", #condition);                                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct loop *g_loops[LOOPS];
static pthread_t g_threads[LOOPS], g_writers[WRITERS];
static struct news g_news;

/* --- Loops -------------------------------------------------------------------------- */

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

static void open_loops(void)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        CHECK(loop_new(&g_loops[i], LOOP_IN_UV) == 0, "no loop");
        loop_set_index(g_loops[i], i);
    }
    CHECK(news_init(&g_news, g_loops, LOOPS) == 0, "no news");
}

static void start_loops(void)
{
    for (int i = 0; i < LOOPS; i++)
        CHECK(pthread_create(&g_threads[i], NULL, run_loop, g_loops[i]) == 0, "no thread");
}

static void start_writers(void *(*run)(void *arg))
{
    for (size_t i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&g_writers[i], NULL, run, (void *)i) == 0, "no thread");
}

static void join_writers(void)
{
    for (int i = 0; i < WRITERS; i++)
        pthread_join(g_writers[i], NULL);
}

/* Behind all news of writers that have ended. */
static void stop_loops(void)
{
    for (int i = 0; i < LOOPS; i++)
        CHECK(loop_post(g_loops[i], on_stop, NULL) == 0, "out of memory");
    for (int i = 0; i < LOOPS; i++)
        pthread_join(g_threads[i], NULL);
}

static void close_loops(void)
{
    for (int i = 0; i < LOOPS; i++)
        loop_free(g_loops[i]);
    news_close(&g_news);
}

/* --- What was written is seen ------------------------------------------------------- */

/* Each loop is busy while all writers write and publish. So one writer posts,
 * and the others find that there is news already; and all that orders their
 * writes before the look is the news. The counts of those who have come so far
 * are relaxed for that: ThreadSanitizer then sees it if the news do not. */

static unsigned g_written[WRITERS]; /* in which step; no atomic */
static atomic_uint g_busy, g_published, g_go, g_looked, g_step;

static unsigned await(atomic_uint *count, unsigned n, memory_order order)
{
    unsigned now;
    while ((now = atomic_load_explicit(count, order)) < n)
        sched_yield();
    return now;
}

static void be_busy(struct loop *loop, void *arg)
{
    const unsigned step = atomic_load_explicit(&g_step, memory_order_relaxed) + 1;
    (void)loop;
    (void)arg;
    atomic_fetch_add_explicit(&g_busy, 1, memory_order_relaxed);
    await(&g_go, step, memory_order_relaxed);
}

static void look_at_written(struct news_reader *reader)
{
    (void)reader;
    for (int i = 1; i < WRITERS; i++)
        CHECK(g_written[i] == g_written[0], "writer %d: %u for %u", i, g_written[i], g_written[0]);
    atomic_fetch_add_explicit(&g_looked, 1, memory_order_release);
}

static void *write_in_step(void *arg)
{
    const size_t i = (size_t)arg;
    for (unsigned step = 1; step <= CHANGES; step++) {
        await(&g_step, step, memory_order_acquire);
        g_written[i] = step;
        news_publish(&g_news);
        atomic_fetch_add_explicit(&g_published, 1, memory_order_relaxed);
    }
    return NULL;
}

static void one_step(unsigned step)
{
    for (int i = 0; i < LOOPS; i++)
        CHECK(loop_post(g_loops[i], be_busy, NULL) == 0, "out of memory");
    await(&g_busy, step * LOOPS, memory_order_relaxed);
    atomic_store_explicit(&g_step, step, memory_order_release);
    await(&g_published, step * WRITERS, memory_order_relaxed);
    atomic_store_explicit(&g_go, step, memory_order_relaxed);
    const unsigned looks = await(&g_looked, step * LOOPS, memory_order_acquire);
    CHECK(looks == step * LOOPS, "step %u: %u looks", step, looks);
}

static void writes_are_seen(void)
{
    struct news_reader readers[LOOPS] = { 0 };
    g_step = g_busy = g_published = g_go = g_looked = 0;
    open_loops();
    for (int i = 0; i < LOOPS; i++) {
        readers[i].look = look_at_written;
        news_join(&g_news, g_loops[i], &readers[i]);
    }
    start_loops();
    start_writers(write_in_step);
    for (unsigned step = 1; step <= CHANGES; step++)
        one_step(step);
    join_writers();
    stop_loops();
    for (int i = 0; i < LOOPS; i++)
        news_leave(&readers[i]);
    close_loops();
}

/* --- Readers that come and go ------------------------------------------------------- */

struct room;

struct guest {
    struct news_reader reader;
    struct room *room;
    unsigned told;
};

/* The readers of a loop. The one at seat 0 stays. */
struct room {
    struct loop *loop;
    unsigned seed;
    struct guest *seats[SEATS];
};

static atomic_uint g_source;

static void look_at_source(struct news_reader *reader);

static void tell(struct guest *g)
{
    const unsigned now = atomic_load_explicit(&g_source, memory_order_relaxed);
    CHECK(now >= g->told, "it was %u, and is %u", g->told, now);
    g->told = now;
}

static void come(struct room *room, unsigned seat)
{
    struct guest *g = calloc(1, sizeof *g);
    CHECK(g != NULL, "out of memory");
    g->room = room;
    g->reader.look = look_at_source;
    room->seats[seat] = g;
    news_join(&g_news, room->loop, &g->reader);
    tell(g);
}

static void leave(struct room *room, unsigned seat)
{
    news_leave(&room->seats[seat]->reader);
    free(room->seats[seat]);
    room->seats[seat] = NULL;
}

/* Its own seat too, so it must be over with itself. */
static void look_at_source(struct news_reader *reader)
{
    struct guest *g = container_of(reader, struct guest, reader);
    struct room *room = g->room;
    const unsigned seat = 1 + (unsigned)rand_r(&room->seed) % (SEATS - 1);
    tell(g);
    if (room->seats[seat] == NULL)
        come(room, seat);
    else
        leave(room, seat);
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

static void close_room(struct room *room)
{
    for (unsigned seat = 0; seat < SEATS; seat++) {
        const struct guest *g = room->seats[seat];
        if (g == NULL)
            continue;
        CHECK(g->told == WRITERS * CHANGES, "seat %u was told %u last", seat, g->told);
        leave(room, seat);
    }
}

static void none_is_missed(unsigned seed)
{
    struct room rooms[LOOPS] = { 0 };
    g_source = 0;
    open_loops();
    for (unsigned i = 0; i < LOOPS; i++) {
        rooms[i].loop = g_loops[i];
        rooms[i].seed = seed * LOOPS + i;
        come(&rooms[i], 0);
    }
    start_loops();
    start_writers(write_source);
    join_writers();
    stop_loops();
    for (int i = 0; i < LOOPS; i++)
        close_room(&rooms[i]);
    close_loops();
}

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    const unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    for (unsigned round = 0; round < rounds; round++) {
        writes_are_seen();
        none_is_missed(seed * 7919 + round);
    }
    printf("stress-news: seed %u, %u rounds of %d changes\n", seed, rounds, 2 * WRITERS * CHANGES);
    return 0;
}
