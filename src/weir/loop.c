#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "timers.h"
#include "weir/grpc_core/core_queue.h"

#define NEVER UINT64_MAX

/* IN_CORE: the thread that polls libuv's descriptor. */
struct watcher {
    pthread_t thread;
    int stop_fd;
    atomic_bool ready; /* it has seen something, and waits for `turned` */
    sem_t turned;      /* libuv had its turn: poll again */
};

struct loop {
    enum loop_sleep sleep;
    size_t in_flight; /* ops whose done is still to come, and holds */
    bool stopping, breaking;
    unsigned index;
    unsigned round;
    void *env;

    struct task tasks; /* deferred, in order; the head of a ring */
    struct timers timers;

    struct inbox posts;
    atomic_uint posting; /* threads inside loop_post() */

    struct core_queue *core; /* IN_UV: NULL until something of the core is used */

    uv_loop_t uv;
    /* IN_UV: */
    uv_async_t bell;     /* wakes it, from any thread */
    uv_prepare_t before; /* right before it sleeps */
    uv_idle_t awake;     /* active: it must not sleep */
    uv_timer_t alarm;    /* rings when the next timer of ours is due, */
    uint64_t alarm_ms;   /* which is then; NEVER: it is not set */

    struct watcher watcher; /* IN_CORE */
};

/* --- Waking ------------------------------------------------------------------------- */

static void wake(struct loop *l)
{
    if (l->sleep == LOOP_IN_UV)
        uv_async_send(&l->bell);
    else
        core_queue_wake(l->core);
}

/* Another round is all that is wanted. */
static void on_bell(uv_async_t *bell)
{
    (void)bell;
}

static void on_awake(uv_idle_t *awake)
{
    (void)awake;
}

static void on_alarm(uv_timer_t *alarm)
{
    container_of(alarm, struct loop, alarm)->alarm_ms = NEVER;
}

/* --- The watcher thread ------------------------------------------------------------- */

static void *watch(void *arg)
{
    struct loop *l = arg;
    struct watcher *w = &l->watcher;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    struct pollfd fds[2] = {
        { .fd = uv_backend_fd(&l->uv), .events = POLLIN },
        { .fd = w->stop_fd, .events = POLLIN },
    };
    for (;;) {
        while (poll(fds, 2, -1) < 0) /* EINTR, or ENOMEM: try again */
            ;
        if (fds[1].revents != 0)
            return NULL;
        atomic_store(&w->ready, true);
        wake(l);
        while (sem_wait(&w->turned) != 0)
            ;
    }
}

static int watcher_start(struct loop *l)
{
    struct watcher *w = &l->watcher;
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (w->stop_fd < 0)
        return errno;
    sem_init(&w->turned, 0, 0);
    int rv = pthread_create(&w->thread, NULL, watch, l);
    if (rv != 0) {
        sem_destroy(&w->turned);
        close(w->stop_fd);
    }
    return rv;
}

static void watcher_stop(struct watcher *w)
{
    eventfd_write(w->stop_fd, 1);
    sem_post(&w->turned);
    pthread_join(w->thread, NULL);
    sem_destroy(&w->turned);
    close(w->stop_fd);
}

static void turn_uv(struct loop *l)
{
    /* With no active handle nothing takes what the descriptor is ready with
     * (a handle that was unref'd, say), and a watcher let go would spin. */
    if (!uv_loop_alive(&l->uv))
        return;
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (atomic_exchange(&l->watcher.ready, false))
        sem_post(&l->watcher.turned);
}

/* --- Posts and tasks ---------------------------------------------------------------- */

static void push_post(struct loop *l, struct posting *p)
{
    /* From the push on fn may run, and fn may be what the loop waited for
     * to stop and be freed: loop_free() waits until we have woken it. */
    atomic_fetch_add_explicit(&l->posting, 1, memory_order_relaxed);
    if (inbox_push(&l->posts, &p->link))
        wake(l);
    atomic_fetch_sub_explicit(&l->posting, 1, memory_order_release);
}

int loop_post(struct loop *l, loop_fn fn, void *arg)
{
    struct posting *p = malloc(sizeof *p);
    if (p == NULL)
        return ENOMEM;
    *p = (struct posting){ .fn = fn, .arg = arg, .owned = true };
    push_post(l, p);
    return 0;
}

void loop_post_with(struct loop *l, struct posting *p, loop_fn fn, void *arg)
{
    *p = (struct posting){ .fn = fn, .arg = arg };
    push_post(l, p);
}

static struct posting *posting_of(struct inbox_link *link)
{
    return container_of(link, struct posting, link);
}

static void run_posts(struct loop *l)
{
    for (struct inbox_link *at = inbox_take(&l->posts), *next; at != NULL; at = next) {
        struct posting *p = posting_of(at);
        loop_fn fn = p->fn;
        void *arg = p->arg;
        next = at->next;
        if (p->owned)
            free(p);
        fn(l, arg);
    }
}

void task_defer(struct loop *l, struct task *t)
{
    if (t->next != NULL)
        return;
    t->next = &l->tasks;
    t->prev = l->tasks.prev;
    l->tasks.prev->next = t;
    l->tasks.prev = t;
}

void task_cancel(struct task *t)
{
    if (t->next == NULL)
        return;
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->next = t->prev = NULL;
}

static bool tasks_wait(const struct loop *l)
{
    return l->tasks.next != &l->tasks;
}

/* Those that are deferred meanwhile are for the next round: a marker in the
 * ring tells where this one ends. */
static void run_tasks(struct loop *l)
{
    if (!tasks_wait(l))
        return;
    struct task end = { 0 };
    task_defer(l, &end);
    while (l->tasks.next != &end) {
        struct task *t = l->tasks.next;
        task_cancel(t);
        t->run(t);
    }
    task_cancel(&end);
}

/* --- Time --------------------------------------------------------------------------- */

/* libuv's own time, which it takes itself when it wakes. */
static void update_time(struct loop *l)
{
    uv_update_time(&l->uv);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

void timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    timer_stop(t);
    t->loop = l;
    const uint64_t now_ms = loop_now_ms(l);
    t->due_ms = after_ms < UINT64_MAX - now_ms ? now_ms + after_ms : UINT64_MAX;
    timers_add(&l->timers, t);
}

void timer_stop(struct timer *t)
{
    if (timer_running(t))
        timers_remove(&t->loop->timers, t);
}

/* As many as there are now, so that timers that start each other do not keep the
 * rest waiting. */
static void run_timers(struct loop *l)
{
    size_t due = l->timers.n;
    while (due-- > 0) {
        struct timer *t = l->timers.first;
        if (t == NULL || t->due_ms > loop_now_ms(l))
            return;
        timer_stop(t);
        t->fired(t);
    }
}

static bool work_waits(const struct loop *l)
{
    return tasks_wait(l) || !inbox_empty(&l->posts);
}

static uint64_t next_timer_ms(const struct loop *l)
{
    return l->timers.first != NULL ? l->timers.first->due_ms : NEVER;
}

/* --- A round ------------------------------------------------------------------------ */

static void set_alarm(struct loop *l, uint64_t due_ms)
{
    if (due_ms == l->alarm_ms)
        return;
    const uint64_t now_ms = uv_now(&l->uv);
    l->alarm_ms = due_ms;
    if (due_ms == NEVER)
        uv_timer_stop(&l->alarm);
    else
        uv_timer_start(&l->alarm, on_alarm, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* libuv has run what was due to it, which may have left something to do here. */
static void before_sleep(uv_prepare_t *before)
{
    struct loop *l = container_of(before, struct loop, before);
    const uint64_t due_ms = next_timer_ms(l);
    if (work_waits(l) || due_ms <= uv_now(&l->uv))
        uv_idle_start(&l->awake, on_awake);
    else
        set_alarm(l, due_ms);
}

static void sleep_in_uv(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_ONCE);
    uv_idle_stop(&l->awake);
    update_time(l);
    if (l->core != NULL)
        core_queue_run(l->core);
}

/* When libuv wants its next turn. Without an active handle its timeout is 0,
 * and the loop would spin. */
static uint64_t uv_due_ms(const struct loop *l)
{
    if (!uv_loop_alive(&l->uv))
        return NEVER;
    const int timeout_ms = uv_backend_timeout(&l->uv);
    return timeout_ms < 0 ? NEVER : uv_now(&l->uv) + (uint64_t)timeout_ms;
}

/* A moment, not a duration from now: what this round took is not added. */
static void sleep_in_core(struct loop *l)
{
    const uint64_t timer_ms = next_timer_ms(l), uv_ms = uv_due_ms(l);
    const uint64_t due_ms = timer_ms < uv_ms ? timer_ms : uv_ms;
    core_queue_sleep(l->core, work_waits(l) ? 0 : due_ms, update_time);
}

static bool is_done(const struct loop *l)
{
    return l->breaking || (l->stopping && l->in_flight == 0);
}

void loop_run(struct loop *l)
{
    update_time(l);
    for (;;) {
        l->round++;
        run_posts(l);
        run_tasks(l);
        run_timers(l);
        if (l->sleep == LOOP_IN_CORE)
            turn_uv(l);
        if (is_done(l))
            break;
        if (l->sleep == LOOP_IN_CORE)
            sleep_in_core(l);
        else
            sleep_in_uv(l);
    }
    if (!l->breaking)
        l->stopping = false;
    l->breaking = false;
}

void loop_hold(struct loop *l)
{
    l->in_flight++;
}

void loop_release(struct loop *l)
{
    assert(l->in_flight > 0);
    l->in_flight--;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

void loop_break(struct loop *l)
{
    l->breaking = true;
}

/* --- Life --------------------------------------------------------------------------- */

struct core_queue *loop_core(struct loop *l)
{
    if (l->core == NULL && core_queue_new(&l->core, l, l->sleep == LOOP_IN_UV ? wake : NULL) != 0)
        return NULL;
    return l->core;
}

static void close_uv(struct loop *l)
{
    if (l->sleep == LOOP_IN_UV) {
        uv_close((uv_handle_t *)&l->alarm, NULL);
        uv_close((uv_handle_t *)&l->awake, NULL);
        uv_close((uv_handle_t *)&l->before, NULL);
        if (l->bell.loop != NULL)
            uv_close((uv_handle_t *)&l->bell, NULL);
    }
    uv_run(&l->uv, UV_RUN_NOWAIT); /* handles that are closing */
    const int rv = uv_loop_close(&l->uv);
    assert(rv == 0); /* somebody left a handle open */
    (void)rv;
}

static int open_uv(struct loop *l)
{
    int rv = -uv_loop_init(&l->uv);
    if (rv != 0 || l->sleep == LOOP_IN_CORE)
        return rv;
    uv_timer_init(&l->uv, &l->alarm);
    uv_idle_init(&l->uv, &l->awake);
    uv_prepare_init(&l->uv, &l->before);
    uv_prepare_start(&l->before, before_sleep);
    rv = -uv_async_init(&l->uv, &l->bell, on_bell);
    if (rv != 0) {
        l->bell.loop = NULL;
        close_uv(l);
    }
    return rv;
}

/* The core is what such a loop sleeps in. */
static int open_core_side(struct loop *l)
{
    if (l->sleep == LOOP_IN_UV)
        return 0;
    if (loop_core(l) == NULL)
        return ENOMEM;
    const int rv = watcher_start(l);
    if (rv != 0)
        core_queue_free(l->core);
    return rv;
}

int loop_new(struct loop **ret, enum loop_sleep sleep)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ENOMEM;
    l->sleep = sleep;
    l->tasks.next = l->tasks.prev = &l->tasks;
    l->alarm_ms = NEVER;
    int rv = open_uv(l);
    if (rv != 0)
        goto err_after_alloc;
    rv = open_core_side(l);
    if (rv != 0)
        goto err_after_uv;
    update_time(l);
    *ret = l;
    return 0;

err_after_uv:
    close_uv(l);
err_after_alloc:
    free(l);
    return rv;
}

static void drop_posts(struct loop *l)
{
    while (atomic_load_explicit(&l->posting, memory_order_acquire) > 0)
        sched_yield(); /* between its push and its wake */
    for (struct inbox_link *at = inbox_take(&l->posts), *next; at != NULL; at = next) {
        next = at->next;
        if (posting_of(at)->owned)
            free(posting_of(at));
    }
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    assert(l->in_flight == 0);
    if (l->sleep == LOOP_IN_CORE)
        watcher_stop(&l->watcher);
    drop_posts(l); /* who is about to wake the loop has done so then */
    core_queue_free(l->core);
    close_uv(l);
    free(l);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}

void loop_set_index(struct loop *l, unsigned index)
{
    l->index = index;
}

unsigned loop_round(const struct loop *l)
{
    return l->round;
}

unsigned loop_index(const struct loop *l)
{
    return l->index;
}

void loop_set_env(struct loop *l, void *env)
{
    l->env = env;
}

void *loop_env(const struct loop *l)
{
    return l->env;
}
