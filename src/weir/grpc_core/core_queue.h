/* The gRPC core's completion queue of one loop: where the ends of the core's
 * batches come in. The loop (loop.h) says how it sleeps:
 *
 *   in libuv     the queue is cold. A small thread reads it and puts what comes
 *                on a list; the loop is woken if the list was empty. An op is a
 *                link of that list itself, so handing it over takes no memory
 *   in the core  the queue is hot. The loop reads it itself and sleeps in it;
 *                core_queue_wake() gets it out, from any thread
 *
 * Only loop.c and the files of this folder know this. The queue and its loop call
 * each other: what is in flight on the queue is what keeps the loop. */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct core_queue;
struct loop;

/** Opens the queue, and initialises the core: the last core_queue_free() shuts
 * that down. @wake is called, on the reading thread, when events wait for
 * core_queue_run(); NULL: the loop sleeps in the queue, and there is no thread.
 * Returns 0, or an errno value and nothing is left. */
int core_queue_new(struct core_queue **ret, struct loop *loop, void (*wake)(struct loop *loop));

/** With a thread: calls back for every event that it has read. Loop thread. */
void core_queue_run(struct core_queue *q);

/** Without a thread: sleeps until @until_ms (CLOCK_MONOTONIC; UINT64_MAX: for
 * ever; 0: not at all) or the first event, calls @awake(loop) once, and calls
 * back for that event and at most 63 more that are ready. Loop thread. */
void core_queue_sleep(struct core_queue *q, uint64_t until_ms, void (*awake)(struct loop *loop));

/** Without a thread: gets the loop out of core_queue_sleep(), now or the next
 * time. Any thread. */
void core_queue_wake(struct core_queue *q);

/** Nothing may be in flight on it. NULL is fine. */
void core_queue_free(struct core_queue *q);

#endif
