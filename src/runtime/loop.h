/* A loop: one thread that serves a gRPC completion queue and a libuv loop.
 *
 * Every call, cursor, cache and timer belongs to one loop and is touched only
 * on its thread, so none of them has a lock. The one way in from another
 * thread is loop_post().
 *
 * gRPC shows no file descriptor to poll, and its events are the hot ones; so
 * the thread sleeps in grpc_completion_queue_next(). libuv does have a
 * descriptor (uv_backend_fd): a small watcher thread polls it and, when it is
 * ready, wakes the queue by a batch of no operations on a call of a lame
 * channel, which completes at once. One round of the loop:
 *
 *     run what was posted or deferred, and the timers that are due
 *     turn libuv without blocking, let the watcher poll again
 *     sleep in the queue until the next timer, ours or libuv's
 *     take at most 64 events that are ready, the first of them awaited
 *
 * The watcher takes every signal: a program that blocks them before its first
 * loop has no other thread interrupted by one.
 *
 * The bound of 64 keeps a busy queue from starving timers and libuv.
 *
 * A loop stops when it was told to and nothing is in flight: every batch
 * started on its queue has come back, and what other threads do for it too. */
#ifndef RUNTIME_LOOP_H
#define RUNTIME_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct uv_loop_s; /* uv_loop_t */

typedef void (*loop_fn)(struct loop *loop, void *arg);

/* --- Life ------------------------------------------------------------------ */

/** Makes a loop. The first one of a process initialises gRPC and the last one
 * freed shuts it down: servers and channels live in between. Any thread.
 * Returns 0, or an errno value with nothing left to clean. */
int loop_new(struct loop **ret);

/** Runs the loop on the calling thread until loop_stop() and nothing is in
 * flight or held. From now on the loop belongs to this thread. */
void loop_run(struct loop *loop);

/** Keeps loop_stop() from taking effect until loop_release(): for work that
 * another thread does and will loop_post() the end of. Loop thread only. */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/** Asks loop_run() to return once nothing is in flight any more: calls must be
 * ended by their owners. What is posted or deferred by then and has no hold
 * does not count. Loop thread only (elsewhere: loop_post it). */
void loop_stop(struct loop *loop);

/** Has loop_run() return after this round, whatever is in flight; it may be
 * called again. Loop thread only. */
void loop_break(struct loop *loop);

/** Frees a loop that does not run and has nothing in flight or held. Whoever
 * used loop_uv() has closed the handles before; their close callbacks may come
 * now. NULL is fine. */
void loop_free(struct loop *loop);

/* --- Work from elsewhere, and for later -------------------------------------- */

/** Has fn(loop, arg) run on the loop's thread, in the order of the posts.
 * Any thread, as long as the loop is there. What has not run when loop_run()
 * returns waits for the next loop_run(), if there is one: who depends on it
 * holds the loop (loop_hold) until it ran. Returns 0 or ENOMEM. */
int loop_post(struct loop *loop, loop_fn fn, void *arg);

/* Room for one post; lives in its owner. */
struct posting {
    loop_fn fn; /* private, as all below */
    void *arg;
    struct posting *next;
    bool owned; /* by the loop: of loop_post() */
};

/** The same without memory of its own: for what must not fail, such as the end
 * of something. @post may be used again, or go, once fn was called; or go after
 * loop_free(). */
void loop_post_with(struct loop *loop, struct posting *post, loop_fn fn, void *arg);

/* Something to do on the next round; lives in its owner. */
struct task {
    void (*run)(struct task *task);
    struct task *next, *prev; /* private */
};

/** Runs task->run(task) once, on the next round. Nothing happens if it waits
 * already. Loop thread only. */
void task_defer(struct loop *loop, struct task *task);

/** Forgets a waiting task; fine if it does not wait. Loop thread only. */
void task_cancel(struct task *task);

/* --- Time ---------------------------------------------------------------------- */

/** Milliseconds of the monotonic clock, as of this round's events. */
uint64_t loop_now_ms(const struct loop *loop);

/* A one-shot timer; lives in its owner and may be freed as soon as it is
 * stopped (a libuv timer only after an asynchronous close: that is why these
 * are our own). Zero it before first use, and set fired. */
struct timer {
    void (*fired)(struct timer *timer);
    uint64_t due_ms;                   /* read-only */
    struct loop *loop;                 /* private, as all below */
    struct timer *child, *next, *prev; /* in the loop's heap; prev is NULL: not running */
};

/** Calls timer->fired(timer) once, @after_ms from loop_now_ms() (0: on the
 * next round). A running timer is moved. Timers that are due fire in the order
 * of their times; at the same millisecond, in any order. Loop thread only. */
void timer_start(struct loop *loop, struct timer *timer, uint64_t after_ms);

/** fired will not be called; fine if the timer does not run. */
void timer_stop(struct timer *timer);

static inline bool timer_running(const struct timer *timer)
{
    return timer->prev != NULL;
}

/* --- The rest ------------------------------------------------------------------- */

/** The libuv loop inside, for signals, files and other descriptors. Its
 * callbacks run on the loop's thread, and handles may be started anywhere on
 * it. As ever in libuv, handles that are unref'd do not keep it turning. */
struct uv_loop_s *loop_uv(struct loop *loop);

/** A number below the count of a program's loops, for what is kept once a loop;
 * 0 until set, before the loop runs. */
void loop_set_index(struct loop *loop, unsigned index);
unsigned loop_index(const struct loop *loop);

/** The program's own per-loop things; NULL until set. */
void loop_set_env(struct loop *loop, void *env);
void *loop_env(const struct loop *loop);

#endif
