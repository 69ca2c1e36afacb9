/* The loop: posts, tasks, timers, libuv and the queue's events together. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "lib/leaks.h"
#include "weir/loop.h"

static struct loop *g_loop;
static enum loop_sleep g_sleep; /* of every loop that a test makes */

/* A test of both ways to sleep. */
#define LOOP_TEST(name)                                                                            \
    static void name(void);                                                                        \
    Test(loop_in_uv, name)                                                                         \
    {                                                                                              \
        g_sleep = LOOP_IN_UV;                                                                      \
        name();                                                                                    \
    }                                                                                              \
    Test(loop_in_core, name)                                                                       \
    {                                                                                              \
        g_sleep = LOOP_IN_CORE;                                                                    \
        name();                                                                                    \
    }                                                                                              \
    static void name(void)

static void open_loop(void)
{
    cr_assert_eq(loop_new(&g_loop, g_sleep), 0);
}

static void close_loop(void)
{
    loop_free(g_loop);
    assert_no_leaks();
}

static void on_stop(struct loop *loop, void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void stop_when_fired(struct timer *t)
{
    loop_stop(t->loop);
}

/* CPU time that this process took, in milliseconds. */
static long cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* --- Posts -------------------------------------------------------------------------- */

#define POSTERS          4
#define POSTS_PER_THREAD 20000

struct poster {
    pthread_t thread;
    struct loop *loop;
    unsigned next; /* loop's thread: what is expected */
    unsigned *left;
};

struct numbered {
    struct poster *poster;
    unsigned number;
};

static void on_numbered(struct loop *loop, void *arg)
{
    struct numbered *n = arg;
    cr_assert_eq(n->number, n->poster->next, "posts of a thread come in their order");
    n->poster->next++;
    if (--*n->poster->left == 0)
        loop_stop(loop);
    free(n);
}

static void *post_many(void *arg)
{
    struct poster *p = arg;
    for (unsigned i = 0; i < POSTS_PER_THREAD; i++) {
        struct numbered *n = malloc(sizeof *n);
        *n = (struct numbered){ p, i };
        cr_assert_eq(loop_post(p->loop, on_numbered, n), 0);
        if (i % 64 == 0) /* let the loop fall asleep now and then */
            usleep(50);
    }
    return NULL;
}

/* Were a wake-up lost, the loop would sleep for ever and the test time out. */
LOOP_TEST(posts_of_many_threads_arrive_in_order)
{
    struct poster p[POSTERS] = { 0 };
    unsigned left = POSTERS * POSTS_PER_THREAD;
    open_loop();
    for (int i = 0; i < POSTERS; i++) {
        p[i].loop = g_loop;
        p[i].left = &left;
        pthread_create(&p[i].thread, NULL, post_many, &p[i]);
    }
    loop_run(g_loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(p[i].thread, NULL);
    close_loop();
}

static void *post_stop(void *loop)
{
    loop_post(loop, on_stop, NULL);
    return NULL;
}

/* The post stops the loop, which is freed while loop_post() may not have
 * returned yet. */
LOOP_TEST(may_be_freed_by_what_a_post_did)
{
    for (int i = 0; i < 300; i++) {
        pthread_t thread;
        open_loop();
        pthread_create(&thread, NULL, post_stop, g_loop);
        loop_run(g_loop);
        loop_free(g_loop);
        pthread_join(thread, NULL);
    }
    assert_no_leaks();
}

static void count(struct loop *loop, void *arg)
{
    (void)loop;
    ++*(int *)arg;
}

LOOP_TEST(posts_before_and_between_runs_are_kept)
{
    int n = 0;
    open_loop();
    cr_assert_eq(loop_post(g_loop, count, &n), 0);
    cr_assert_eq(loop_post(g_loop, on_stop, NULL), 0);
    loop_run(g_loop);
    cr_assert_eq(n, 1);
    cr_assert_eq(loop_post(g_loop, count, &n), 0);
    cr_assert_eq(loop_post(g_loop, on_stop, NULL), 0);
    loop_run(g_loop);
    cr_assert_eq(n, 2);
    cr_assert_eq(loop_post(g_loop, count, &n), 0); /* never runs, and does not leak */
    close_loop();
    cr_assert_eq(n, 2);
}

/* --- Stop, break, hold -------------------------------------------------------------- */

static void on_release(struct loop *loop, void *arg)
{
    *(bool *)arg = true;
    loop_release(loop);
}

struct late {
    struct loop *loop;
    bool released;
};

static void *release_later(void *arg)
{
    struct late *late = arg;
    usleep(20000);
    cr_assert_eq(loop_post(late->loop, on_release, &late->released), 0);
    return NULL;
}

LOOP_TEST(stop_waits_for_holds)
{
    struct late late = { 0 };
    pthread_t thread;
    open_loop();
    late.loop = g_loop;
    loop_hold(g_loop);
    loop_stop(g_loop); /* has no effect yet: loop_run() starts afresh */
    cr_assert_eq(loop_post(g_loop, on_stop, NULL), 0);
    pthread_create(&thread, NULL, release_later, &late);
    loop_run(g_loop);
    cr_assert(late.released);
    pthread_join(thread, NULL);
    close_loop();
}

static void on_break(struct loop *loop, void *arg)
{
    (void)arg;
    loop_break(loop);
}

LOOP_TEST(break_does_not_wait_and_run_goes_on)
{
    struct late late = { 0 };
    open_loop();
    loop_hold(g_loop);
    cr_assert_eq(loop_post(g_loop, on_break, NULL), 0);
    loop_run(g_loop);
    cr_assert_eq(loop_post(g_loop, on_release, &late.released), 0);
    cr_assert_eq(loop_post(g_loop, on_stop, NULL), 0);
    loop_run(g_loop);
    cr_assert(late.released);
    close_loop();
}

/* --- Tasks -------------------------------------------------------------------------- */

struct counted_task {
    struct task task;
    struct loop *loop;
    struct task *other; /* cancelled, if set */
    int runs, until;
};

static void run_counted(struct task *task)
{
    struct counted_task *t = container_of(task, struct counted_task, task);
    t->runs++;
    if (t->other != NULL)
        task_cancel(t->other);
    if (t->runs < t->until)
        task_defer(t->loop, task);
}

LOOP_TEST(a_task_waits_once_and_may_be_cancelled)
{
    struct counted_task a = { .task.run = run_counted }, b = a, c = a;
    open_loop();
    a.loop = b.loop = c.loop = g_loop;
    b.other = &c.task; /* while the round of both runs */
    task_defer(g_loop, &a.task);
    task_defer(g_loop, &a.task);
    task_defer(g_loop, &b.task);
    task_defer(g_loop, &c.task);
    cr_assert_eq(loop_post(g_loop, on_stop, NULL), 0);
    loop_run(g_loop);
    cr_assert_eq(a.runs, 1);
    cr_assert_eq(b.runs, 1);
    cr_assert_eq(c.runs, 0);
    task_cancel(&a.task); /* fine: it does not wait */
    close_loop();
}

/* A task that always defers itself leaves room for timers, posts and libuv. */
LOOP_TEST(a_busy_task_starves_nobody)
{
    struct counted_task busy = { .task.run = run_counted, .until = INT32_MAX };
    struct timer timer = { .fired = stop_when_fired };
    int posted = 0;
    open_loop();
    busy.loop = g_loop;
    task_defer(g_loop, &busy.task);
    cr_assert_eq(loop_post(g_loop, count, &posted), 0);
    timer_start(g_loop, &timer, 20);
    loop_run(g_loop);
    cr_assert_eq(posted, 1);
    cr_assert_gt(busy.runs, 10);
    task_cancel(&busy.task);
    close_loop();
}

/* --- Timers ------------------------------------------------------------------------- */

#define TIMERS 200

struct noted_timer {
    struct timer timer;
    uint64_t started_ns;
    unsigned after_ms;
};

static unsigned g_fired, g_last_ms;

static void note_fired(struct timer *t)
{
    struct noted_timer *n = container_of(t, struct noted_timer, timer);
    const uint64_t took_ns = uv_hrtime() - n->started_ns;
    cr_assert_geq(took_ns, n->after_ms * UINT64_C(1000000), "%u ms took %g ms", n->after_ms,
                  (double)took_ns / 1e6);
    cr_assert_geq(n->after_ms, g_last_ms, "in the order of their times");
    cr_assert_not(timer_running(t));
    g_last_ms = n->after_ms;
    if (++g_fired == TIMERS)
        loop_stop(t->loop);
}

LOOP_TEST(timers_fire_in_order_and_not_early)
{
    static struct noted_timer timers[TIMERS];
    open_loop();
    for (unsigned i = 0; i < TIMERS; i++) {
        timers[i].timer.fired = note_fired;
        timers[i].after_ms = i * 37 % TIMERS; /* each once, mixed */
        timers[i].started_ns = loop_now_ms(g_loop) * 1000000;
        timer_start(g_loop, &timers[i].timer, timers[i].after_ms);
    }
    loop_run(g_loop);
    close_loop();
}

struct pair {
    struct timer timer, other;
    int fired;
};

static void restart_self(struct timer *t)
{
    struct pair *p = container_of(t, struct pair, timer);
    timer_stop(&p->other);
    if (++p->fired == 5)
        loop_stop(t->loop);
    else
        timer_start(t->loop, t, 0);
}

static void must_not_fire(struct timer *t)
{
    (void)t;
    cr_assert(false, "it was stopped");
}

LOOP_TEST(timers_may_be_stopped_and_started_in_callbacks)
{
    struct pair p = { .timer.fired = restart_self, .other.fired = must_not_fire };
    open_loop();
    timer_start(g_loop, &p.timer, 1);
    timer_start(g_loop, &p.other, 1);
    timer_start(g_loop, &p.other, 2); /* moved */
    loop_run(g_loop);
    cr_assert_eq(p.fired, 5);
    close_loop();
}

LOOP_TEST(a_timer_for_ever_does_not_fire)
{
    struct timer never = { .fired = must_not_fire }, soon = { .fired = stop_when_fired };
    open_loop();
    timer_start(g_loop, &never, UINT64_MAX);
    timer_start(g_loop, &soon, 5);
    loop_run(g_loop);
    cr_assert(timer_running(&never));
    timer_stop(&never);
    close_loop();
}

/* More posts than a round takes events, for as long as the test runs: each
 * one posts the next. */
static void post_again(struct loop *loop, void *arg)
{
    cr_assert_eq(loop_post(loop, post_again, arg), 0);
}

LOOP_TEST(busy_posts_do_not_starve_timers)
{
    struct timer timer = { .fired = stop_when_fired };
    open_loop();
    for (int i = 0; i < 1000; i++)
        post_again(g_loop, NULL);
    timer_start(g_loop, &timer, 10);
    loop_run(g_loop);
    close_loop();
}

static void sleep_in_callback(struct timer *t)
{
    (void)t;
    usleep(600000);
}

/* The sleep is until a moment, so a slow callback does not make others late:
 * the other one would fire after 1300 ms. */
LOOP_TEST(a_slow_round_does_not_delay_timers)
{
    struct timer slow = { .fired = sleep_in_callback };
    struct timer next = { .fired = stop_when_fired };
    open_loop();
    const uint64_t start_ns = uv_hrtime();
    timer_start(g_loop, &slow, 0);
    timer_start(g_loop, &next, 700);
    loop_run(g_loop);
    cr_assert_lt(uv_hrtime() - start_ns, UINT64_C(1250000000));
    close_loop();
}

/* --- libuv -------------------------------------------------------------------------- */

struct pipes {
    uv_pipe_t in;
    int out;
    char heard[64];
    size_t len;
    uv_timer_t timer;
    uv_fs_t fs;
    int fired, opened;
};

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct pipes *p = h->data;
    (void)suggested;
    *buf = uv_buf_init(p->heard + p->len, (unsigned)(sizeof p->heard - p->len));
}

static void on_heard(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct pipes *p = s->data;
    (void)buf;
    if (n > 0) {
        p->len += (size_t)n;
        return;
    }
    uv_close((uv_handle_t *)s, NULL);
    loop_stop(g_loop);
}

static void open_pipe(struct pipes *p)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(uv_pipe_init(loop_uv(g_loop), &p->in, 0), 0);
    cr_assert_eq(uv_pipe_open(&p->in, fds[0]), 0);
    p->in.data = p;
    p->out = fds[1];
}

static void *write_slowly(void *arg)
{
    struct pipes *p = arg;
    for (int i = 0; i < 5; i++) {
        usleep(2000);
        cr_assert_eq(write(p->out, "x", 1), 1);
    }
    close(p->out);
    return NULL;
}

static void start_reading(struct loop *loop, void *arg)
{
    struct pipes *p = arg;
    (void)loop;
    uv_read_start((uv_stream_t *)&p->in, give_room, on_heard);
}

/* The loop sleeps in the queue; only the watcher can tell it of the pipe. */
LOOP_TEST(a_pipe_wakes_it)
{
    struct pipes p = { 0 };
    pthread_t writer;
    open_loop();
    open_pipe(&p);
    cr_assert_eq(loop_post(g_loop, start_reading, &p), 0);
    pthread_create(&writer, NULL, write_slowly, &p);
    loop_run(g_loop);
    pthread_join(writer, NULL);
    cr_assert_str_eq(p.heard, "xxxxx");
    close_loop();
}

static void on_opened(uv_fs_t *fs)
{
    struct pipes *p = fs->data;
    cr_assert_geq(fs->result, 0);
    close((int)fs->result);
    uv_fs_req_cleanup(fs);
    p->opened++;
    /* A handle that is started inside a callback of libuv's: what is in the
     * pipe already must be seen without another event. */
    uv_read_start((uv_stream_t *)&p->in, give_room, on_heard);
}

LOOP_TEST(a_handle_started_in_a_callback_of_libuv_is_polled)
{
    struct pipes p = { 0 };
    open_loop();
    open_pipe(&p);
    cr_assert_eq(write(p.out, "early", 5), 5);
    close(p.out);
    p.fs.data = &p;
    cr_assert_eq(uv_fs_open(loop_uv(g_loop), &p.fs, "/dev/null", O_RDONLY, 0, on_opened), 0);
    loop_run(g_loop);
    cr_assert_eq(p.opened, 1);
    cr_assert_str_eq(p.heard, "early");
    close_loop();
}

static void on_uv_timer(uv_timer_t *t)
{
    struct pipes *p = t->data;
    if (++p->fired == 3) {
        uv_close((uv_handle_t *)t, NULL);
        loop_stop(g_loop);
    }
}

static void start_uv_timer(struct timer *t)
{
    struct pipes *p = loop_env(t->loop);
    uv_timer_start(&p->timer, on_uv_timer, 5, 5);
}

LOOP_TEST(timers_of_libuv_fire_too)
{
    struct pipes p = { 0 };
    struct timer start = { .fired = start_uv_timer };
    open_loop();
    loop_set_env(g_loop, &p);
    uv_timer_init(loop_uv(g_loop), &p.timer);
    p.timer.data = &p;
    timer_start(g_loop, &start, 20);
    const uint64_t start_ns = uv_hrtime();
    loop_run(g_loop);
    cr_assert_eq(p.fired, 3);
    cr_assert_gt(uv_hrtime() - start_ns, UINT64_C(32000000), "20 + 3 * 5, but for roundings");
    close_loop();
}

static void ignore_poll(uv_poll_t *h, int status, int events)
{
    (void)h;
    (void)status;
    (void)events;
}

/* Nobody takes what this handle is ready with: no reason to turn and turn. (A
 * loop that sleeps in libuv does what libuv does.) */
Test(loop_in_core, a_ready_handle_that_is_unrefd_does_not_spin)
{
    g_sleep = LOOP_IN_CORE;
    struct timer timer = { .fired = stop_when_fired };
    uv_poll_t h;
    int fds[2];
    open_loop();
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    cr_assert_eq(uv_poll_init(loop_uv(g_loop), &h, fds[0]), 0);
    uv_poll_start(&h, UV_READABLE, ignore_poll);
    uv_run(loop_uv(g_loop), UV_RUN_NOWAIT); /* into the epoll set */
    uv_unref((uv_handle_t *)&h);
    timer_start(g_loop, &timer, 300);
    const long before_ms = cpu_ms();
    loop_run(g_loop);
    cr_assert_lt(cpu_ms() - before_ms, 100);
    uv_close((uv_handle_t *)&h, NULL);
    close_loop();
    close(fds[0]);
    close(fds[1]);
}

LOOP_TEST(asleep_it_takes_no_cpu)
{
    struct timer timer = { .fired = stop_when_fired };
    open_loop();
    timer_start(g_loop, &timer, 300);
    const long before_ms = cpu_ms();
    loop_run(g_loop);
    cr_assert_lt(cpu_ms() - before_ms, 100);
    close_loop();
}

/* --- Several ------------------------------------------------------------------------ */

/* gRPC is initialised by the first and shut down by the last, in any order. */
LOOP_TEST(several_come_and_go)
{
    struct loop *a, *b, *c;
    cr_assert_eq(loop_new(&a, g_sleep), 0);
    cr_assert_eq(loop_new(&b, g_sleep), 0);
    loop_free(a);
    cr_assert_eq(loop_new(&c, g_sleep), 0);
    loop_free(b);
    cr_assert_eq(loop_post(c, on_stop, NULL), 0);
    loop_run(c);
    loop_free(c);
    loop_free(NULL);
    cr_assert_eq(loop_new(&a, g_sleep), 0);
    loop_free(a);
    assert_no_leaks();
}

static int lowest_free_fd(void)
{
    const int fd = dup(0);
    close(fd);
    return fd;
}

static int new_with_free_fds(struct loop **ret, int n)
{
    struct rlimit old, tight;
    getrlimit(RLIMIT_NOFILE, &old);
    tight = (struct rlimit){ (rlim_t)(lowest_free_fd() + n), old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &tight);
    const int rv = loop_new(ret, g_sleep);
    setrlimit(RLIMIT_NOFILE, &old);
    return rv;
}

/* Descriptors run out at each step in turn. (libuv 1.44 forgets to close one
 * when they run out inside uv_loop_init(), so only the last step is looked at:
 * the one after it.) */
LOOP_TEST(a_failed_new_leaves_nothing)
{
    struct loop *loop;
    int n = 0, leaked = 0, rv;
    open_loop(); /* what gRPC keeps open for the process is open now */
    for (;; n++) {
        const int before = lowest_free_fd();
        rv = new_with_free_fds(&loop, n);
        if (rv == 0)
            break;
        cr_assert_eq(rv, EMFILE);
        leaked = lowest_free_fd() - before;
    }
    cr_assert_gt(n, 1);
    if (g_sleep == LOOP_IN_CORE) /* else libuv's own step is the last that can fail */
        cr_assert_eq(leaked, 0);
    loop_free(loop);
    close_loop();
}
