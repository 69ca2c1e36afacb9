#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <grpc/support/time.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "core/core_locks.h"
#include "core/grpc_op.h"
#include "timers.h"

/* Events taken from the queue before timers and libuv get their turn. */
#define MAX_READY 64

struct loop {
    grpc_completion_queue *queue;
    size_t in_flight; /* ops whose done is still to come, and holds */
    bool stopping, breaking;
    uint64_t now_ms;
    unsigned index;
    void *env;

    struct task tasks; /* deferred, in order; the head of a ring */
    struct timers timers;

    _Atomic(struct posting *) posts; /* newest first */
    atomic_uint posting;             /* threads inside loop_post() */

    /* Waking the queue: see the header. */
    grpc_channel *lame;
    grpc_call *waker;
    struct op woken; /* by loop_post(): nothing to do but another round */

    uv_loop_t uv;
    struct op uv_ready; /* by the watcher */
    bool watcher_waits; /* for `turned` */
    pthread_t watcher;
    sem_t turned; /* libuv had its turn: poll again */
    int watcher_stop_fd;
};

/* --- The watcher thread -------------------------------------------------------- */

static void wake(struct loop *l, struct op *op)
{
    /* A batch of nothing posts its tag at once, from any thread. */
    grpc_call_error e = grpc_call_start_batch(l->waker, NULL, 0, op, NULL);
    assert(e == GRPC_CALL_OK);
    (void)e;
}

static void *watch(void *arg)
{
    struct loop *l = arg;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    struct pollfd fds[2] = {
        { .fd = uv_backend_fd(&l->uv), .events = POLLIN },
        { .fd = l->watcher_stop_fd, .events = POLLIN },
    };
    for (;;) {
        while (poll(fds, 2, -1) < 0) /* EINTR, or ENOMEM: try again */
            ;
        if (fds[1].revents != 0)
            return NULL;
        wake(l, &l->uv_ready);
        while (sem_wait(&l->turned) != 0)
            ;
    }
}

static void on_uv_ready(struct op *op, bool ok)
{
    (void)ok;
    container_of(op, struct loop, uv_ready)->watcher_waits = true;
}

static void on_woken(struct op *op, bool ok)
{
    (void)op;
    (void)ok;
}

static void turn_uv(struct loop *l)
{
    /* With no active handle nothing takes what the descriptor is ready with
     * (a handle that was unref'd, say), and a watcher let go would spin. */
    if (!uv_loop_alive(&l->uv))
        return;
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (l->watcher_waits) {
        l->watcher_waits = false;
        sem_post(&l->turned);
    }
}

/* --- Posts and tasks ------------------------------------------------------------- */

static void push_post(struct loop *l, struct posting *p)
{
    /* From the exchange on fn may run, and fn may be what the loop waited for
     * to stop and be freed: loop_free() waits until we have woken it. */
    atomic_fetch_add_explicit(&l->posting, 1, memory_order_relaxed);
    struct posting *before = atomic_load_explicit(&l->posts, memory_order_relaxed);
    do
        p->next = before;
    while (!atomic_compare_exchange_weak_explicit(&l->posts, &before, p, memory_order_acq_rel,
                                                  memory_order_relaxed));
    if (before == NULL) /* else whoever posted `before` has woken the loop already */
        wake(l, &l->woken);
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

static struct posting *take_posts(struct loop *l)
{
    struct posting *newest = atomic_exchange_explicit(&l->posts, NULL, memory_order_acquire);
    struct posting *oldest = NULL;
    while (newest != NULL) {
        struct posting *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void run_posts(struct loop *l)
{
    struct posting *p = take_posts(l);
    while (p != NULL) {
        struct posting *next = p->next;
        loop_fn fn = p->fn;
        void *arg = p->arg;
        if (p->owned)
            free(p);
        fn(l, arg);
        p = next;
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

/* --- Time -------------------------------------------------------------------------- */

static void update_time(struct loop *l)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    l->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    uv_update_time(&l->uv);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

void timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    timer_stop(t);
    t->loop = l;
    t->due_ms = after_ms < UINT64_MAX - l->now_ms ? l->now_ms + after_ms : UINT64_MAX;
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
        if (t == NULL || t->due_ms > l->now_ms)
            return;
        timer_stop(t);
        t->fired(t);
    }
}

#define NEVER UINT64_MAX

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
static gpr_timespec sleep_until(struct loop *l)
{
    if (tasks_wait(l) || atomic_load_explicit(&l->posts, memory_order_relaxed) != NULL)
        return gpr_time_0(GPR_CLOCK_MONOTONIC);
    const struct timer *t = l->timers.first;
    uint64_t due_ms = uv_due_ms(l);
    if (t != NULL && t->due_ms < due_ms)
        due_ms = t->due_ms;
    if (due_ms == NEVER)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){ .tv_sec = (int64_t)(due_ms / 1000),
                           .tv_nsec = (int32_t)(due_ms % 1000) * 1000000,
                           .clock_type = GPR_CLOCK_MONOTONIC };
}

/* --- Events -------------------------------------------------------------------------- */

grpc_completion_queue *loop_queue(struct loop *l)
{
    return l->queue;
}

bool loop_batch(struct loop *l, grpc_call *call, const grpc_op *ops, size_t nops, struct op *op)
{
    if (grpc_call_start_batch(call, ops, nops, op, NULL) != GRPC_CALL_OK)
        return false;
    l->in_flight++;
    return true;
}

static void dispatch(struct loop *l, const grpc_event *ev)
{
    struct op *op = ev->tag;
    if (op != &l->woken && op != &l->uv_ready)
        l->in_flight--;
    op->done(op, ev->success != 0);
}

static void take_events(struct loop *l, gpr_timespec until)
{
    for (int i = 0; i < MAX_READY; i++) {
        grpc_event ev = grpc_completion_queue_next(l->queue, until, NULL);
        if (i == 0)
            update_time(l); /* we may have slept for long */
        if (ev.type != GRPC_OP_COMPLETE)
            return;
        dispatch(l, &ev);
        until = gpr_time_0(GPR_CLOCK_MONOTONIC); /* after the first, only what is ready */
    }
}

void loop_run(struct loop *l)
{
    l->stopping = l->breaking = false;
    update_time(l);
    for (;;) {
        run_posts(l);
        run_tasks(l);
        run_timers(l);
        turn_uv(l);
        if (l->breaking || (l->stopping && l->in_flight == 0))
            return;
        take_events(l, sleep_until(l));
    }
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

/* --- Life ------------------------------------------------------------------------------ */

static int start_watcher(struct loop *l)
{
    l->watcher_stop_fd = eventfd(0, EFD_CLOEXEC);
    if (l->watcher_stop_fd < 0)
        return errno;
    sem_init(&l->turned, 0, 0);
    int rv = pthread_create(&l->watcher, NULL, watch, l);
    if (rv != 0) {
        sem_destroy(&l->turned);
        close(l->watcher_stop_fd);
    }
    return rv;
}

static void stop_watcher(struct loop *l)
{
    eventfd_write(l->watcher_stop_fd, 1);
    sem_post(&l->turned);
    pthread_join(l->watcher, NULL);
    sem_destroy(&l->turned);
    close(l->watcher_stop_fd);
}

static void open_queue(struct loop *l)
{
    grpc_init();
    core_locks_trust();
    l->queue = grpc_completion_queue_create_for_next(NULL);
    l->lame = grpc_lame_client_channel_create("loop", GRPC_STATUS_INTERNAL, "only wakes its queue");
    l->waker = grpc_channel_create_call(l->lame, NULL, GRPC_PROPAGATE_DEFAULTS, l->queue,
                                        grpc_slice_from_static_string("/wake"), NULL,
                                        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

static void close_queue(struct loop *l)
{
    grpc_call_unref(l->waker);
    grpc_channel_destroy(l->lame);
    grpc_completion_queue_shutdown(l->queue);
    while (grpc_completion_queue_next(l->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(l->queue);
    grpc_shutdown_blocking();
}

int loop_new(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ENOMEM;
    l->tasks.next = l->tasks.prev = &l->tasks;
    l->woken.done = on_woken;
    l->uv_ready.done = on_uv_ready;
    open_queue(l);
    int rv = -uv_loop_init(&l->uv);
    if (rv != 0)
        goto err_after_queue;
    rv = start_watcher(l);
    if (rv != 0)
        goto err_after_uv;
    update_time(l);
    *ret = l;
    return 0;

err_after_uv:
    uv_loop_close(&l->uv);
err_after_queue:
    close_queue(l);
    free(l);
    return rv;
}

static void drop_posts(struct loop *l)
{
    while (atomic_load_explicit(&l->posting, memory_order_acquire) > 0)
        sched_yield(); /* between its exchange and its wake */
    for (struct posting *p = take_posts(l), *next; p != NULL; p = next) {
        next = p->next;
        if (p->owned)
            free(p);
    }
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    assert(l->in_flight == 0);
    stop_watcher(l);
    uv_run(&l->uv, UV_RUN_NOWAIT); /* handles that are closing */
    int rv = uv_loop_close(&l->uv);
    assert(rv == 0); /* somebody left a handle open */
    (void)rv;
    drop_posts(l);
    close_queue(l);
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
