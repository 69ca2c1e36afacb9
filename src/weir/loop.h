/* A loop: one thread that waits for libuv and for the events of gRPC's core, and
 * runs timers, tasks and posts.
 *
 * Every call, connection, cursor, cache and timer belongs to one loop and is
 * touched only on its thread, so none of them has a lock. The one way in from
 * another thread is loop_post().
 *
 * libuv waits for descriptors. The core waits for its queue, which has no
 * descriptor. A thread can sleep in one of them only. So a loop is told where
 * the hot events of its program are:
 *
 *   LOOP_IN_UV     for servers, whose sockets are libuv's. A small thread reads
 *                  the events of the core, of which there are few, and hands
 *                  them over. It exists once something of the core is used
 *   LOOP_IN_CORE   for clients, whose calls are the core's. A small thread
 *                  watches libuv's own descriptor (uv_backend_fd), and wakes
 *                  the queue
 *
 * One round of the loop:
 *
 *     run what was posted or deferred, and the timers that are due
 *     IN_UV                                IN_CORE
 *       sleep in libuv, until a              turn libuv without blocking; let
 *         descriptor, a wake-up or the         the watcher poll again
 *         next timer                         sleep in the queue, until an event,
 *       run what came from there               a wake-up or the next timer
 *       run what the core's thread           run at most 64 events of the core,
 *         has handed over                      so that libuv gets its turn
 *
 * A loop stops when it was told to and nothing is in flight: every batch that
 * was started on its queue has come back, and so has what other threads do for
 * it. Then loop_free() ends the threads. It shuts the core's queue down, with
 * which the reader of the queue ends; it tells the watcher; and it joins both.
 *
 * Signals: a program blocks them before its first loop, so that no thread of a
 * loop is interrupted by one. IN_CORE the watcher takes them. IN_UV the program
 * unblocks them on a thread that runs a loop. */
#ifndef WEIR_LOOP_H
#define WEIR_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox.h"

struct core_queue;
struct loop;
struct uv_loop_s; /* uv_loop_t */

typedef void (*loop_fn)(struct loop *loop, void *arg);

/* --- Life --------------------------------------------------------------------------- */

enum loop_sleep { LOOP_IN_UV, LOOP_IN_CORE }; /* see above */

/** Makes a loop that sleeps in @sleep. Any thread. Returns 0, or an errno value,
 * and then there is nothing to clean up. */
int loop_new(struct loop **ret, enum loop_sleep sleep);

/** Runs the loop on the calling thread until loop_stop() was called and nothing
 * is in flight or held. From now on the loop belongs to this thread. */
void loop_run(struct loop *loop);

/** Keeps loop_stop() from taking effect until loop_release(). It is for work on
 * another thread whose end comes by loop_post(). Loop thread only. */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/** Asks loop_run(), or the next one if none runs, to return once nothing is in
 * flight any more. The owners of calls must end them. What is posted or deferred
 * by then does not count, unless it holds the loop. Loop thread only; another
 * thread can loop_post() it. */
void loop_stop(struct loop *loop);

/** Makes loop_run(), or the next one if none runs, return after this round,
 * whatever is in flight. loop_run() may be called again. Loop thread only. */
void loop_break(struct loop *loop);

/** Frees a loop that does not run and has nothing in flight or held. Whoever
 * used loop_uv() must have closed the handles; their close callbacks may come
 * now. NULL is fine. */
void loop_free(struct loop *loop);

/* --- Work from elsewhere, and for later --------------------------------------------- */

/** Runs fn(loop, arg) on the loop's thread, in the order of the posts. Any
 * thread, as long as the loop exists. A post that has not run when loop_run()
 * returns waits for the next loop_run(), if there is one. Whoever depends on it
 * holds the loop (loop_hold) until it ran. Returns 0 or ENOMEM. */
int loop_post(struct loop *loop, loop_fn fn, void *arg);

/* Room for one post; lives in its owner. */
struct posting {
    loop_fn fn; /* private, as all below */
    void *arg;
    struct inbox_link link;
    bool owned; /* by the loop: of loop_post() */
};

/** The same in memory of the caller's, for what must not fail, such as the end
 * of something. @post may be used again or freed once fn was called, and freed
 * after loop_free(). */
void loop_post_with(struct loop *loop, struct posting *post, loop_fn fn, void *arg);

/* Something to do on the next round; lives in its owner. */
struct task {
    void (*run)(struct task *task);
    struct task *next, *prev; /* private */
};

/** Runs task->run(task) once, on the next round. If the task waits already,
 * nothing happens. Loop thread only. */
void task_defer(struct loop *loop, struct task *task);

/** Forgets a waiting task; fine if it does not wait. Loop thread only. */
void task_cancel(struct task *task);

/* --- Time --------------------------------------------------------------------------- */

/** Milliseconds of the monotonic clock, as of this round's events. */
uint64_t loop_now_ms(const struct loop *loop);

/* A one-shot timer. It lives in its owner, and may be freed as soon as it is
 * stopped. (A libuv timer may be freed only after an asynchronous close, so these
 * are our own.) Zero it before its first use, and set fired. */
struct timer {
    void (*fired)(struct timer *timer);
    uint64_t due_ms;                   /* read-only */
    struct loop *loop;                 /* private, as all below */
    struct timer *child, *next, *prev; /* in the loop's heap; prev is NULL: not running */
};

/** Calls timer->fired(timer) once, @after_ms milliseconds after loop_now_ms(); 0
 * means on the next round. A timer that runs already is moved. Timers that are
 * due fire in the order of their times, and those of the same millisecond in any
 * order. Loop thread only. */
void timer_start(struct loop *loop, struct timer *timer, uint64_t after_ms);

/** Stops a timer, so that fired is not called. It is fine if the timer does not
 * run. */
void timer_stop(struct timer *timer);

static inline bool timer_running(const struct timer *timer)
{
    return timer->prev != NULL;
}

/* --- The rest ----------------------------------------------------------------------- */

/** The libuv loop inside, for signals, files and other descriptors. Its
 * callbacks run on the loop's thread, and handles may be started there at any
 * time. As always in libuv, a handle that is unref'd does not keep it running. */
struct uv_loop_s *loop_uv(struct loop *loop);

/** The core's queue of this loop. It is opened now if it was not open before.
 * NULL: it cannot be opened. For the files in grpc_core/. Loop thread, or before
 * the loop runs. */
struct core_queue *loop_core(struct loop *loop);

/** The number of the loop, below the count of the program's loops, for what is
 * kept once for each loop. It is 0 until it is set, before the loop runs. */
void loop_set_index(struct loop *loop, unsigned index);
unsigned loop_index(const struct loop *loop);

/** The number of the current round. Two rounds that follow one another have
 * different numbers. Loop thread only. */
unsigned loop_round(const struct loop *loop);

/** What the program keeps for this loop, as it set it; NULL until then. Only the
 * program calls these two, and gives its handlers a typed way to it. */
void loop_set_env(struct loop *loop, void *env);
void *loop_env(const struct loop *loop);

#endif
