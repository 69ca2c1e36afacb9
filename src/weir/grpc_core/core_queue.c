#include "core_queue.h"

#include <assert.h>
#include <errno.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core_locks.h"
#include "grpc_op.h"

/* Events taken from the queue before the loop's other work gets its turn. */
#define MAX_READY 64

struct core_queue {
    struct loop *loop;
    grpc_completion_queue *grpc;

    /* With a thread. */
    void (*wake)(struct loop *loop);
    pthread_t reader;
    struct inbox events;
    atomic_bool started; /* some batch; see loop_batch() */

    /* Without: a batch of nothing, on a call of a channel that goes nowhere,
     * completes at once and from any thread. */
    grpc_channel *lame;
    grpc_call *waker;
    struct op woken;
};

/* --- Events ------------------------------------------------------------------------- */

grpc_completion_queue *loop_queue(struct loop *l)
{
    struct core_queue *q = loop_core(l);
    return q != NULL ? q->grpc : NULL;
}

bool loop_batch(struct loop *l, grpc_call *call, const grpc_op *ops, size_t nops, struct op *op)
{
    /* What was written to @op is there for the thread that reads the queue. The core sees
     * to that, but ThreadSanitizer does not see the core; a store costs nothing. */
    atomic_store_explicit(&loop_core(l)->started, true, memory_order_release);
    if (grpc_call_start_batch(call, ops, nops, op, NULL) != GRPC_CALL_OK)
        return false;
    loop_hold(l);
    return true;
}

static void dispatch(struct core_queue *q, struct op *op, bool ok)
{
    if (op == &q->woken)
        return;
    loop_release(q->loop);
    op->done(op, ok);
}

/* --- With a thread ------------------------------------------------------------------ */

static void *read_events(void *arg)
{
    struct core_queue *q = arg;
    for (;;) {
        const grpc_event ev =
            grpc_completion_queue_next(q->grpc, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (ev.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        if (ev.type != GRPC_OP_COMPLETE)
            continue;
        struct op *op = ev.tag;
        (void)atomic_load_explicit(&q->started, memory_order_acquire);
        op->ok = ev.success != 0;
        if (inbox_push(&q->events, &op->link))
            q->wake(q->loop);
    }
}

void core_queue_run(struct core_queue *q)
{
    for (struct inbox_link *at = inbox_take(&q->events), *next; at != NULL; at = next) {
        struct op *op = container_of(at, struct op, link);
        next = at->next; /* done() may free it */
        dispatch(q, op, op->ok);
    }
}

/* Signals are for the threads of the program. */
static int start_reader(struct core_queue *q)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rv = pthread_create(&q->reader, NULL, read_events, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rv;
}

/* --- Without a thread --------------------------------------------------------------- */

static void open_waker(struct core_queue *q)
{
    q->lame = grpc_lame_client_channel_create("loop", GRPC_STATUS_INTERNAL, "only wakes its queue");
    q->waker = grpc_channel_create_call(q->lame, NULL, GRPC_PROPAGATE_DEFAULTS, q->grpc,
                                        grpc_slice_from_static_string("/wake"), NULL,
                                        gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

void core_queue_wake(struct core_queue *q)
{
    const grpc_call_error e = grpc_call_start_batch(q->waker, NULL, 0, &q->woken, NULL);
    assert(e == GRPC_CALL_OK);
    (void)e;
}

static gpr_timespec moment(uint64_t ms)
{
    if (ms == UINT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return (gpr_timespec){ .tv_sec = (int64_t)(ms / 1000),
                           .tv_nsec = (int32_t)(ms % 1000) * 1000000,
                           .clock_type = GPR_CLOCK_MONOTONIC };
}

void core_queue_sleep(struct core_queue *q, uint64_t until_ms, void (*awake)(struct loop *loop))
{
    gpr_timespec until = moment(until_ms);
    for (int i = 0; i < MAX_READY; i++) {
        const grpc_event ev = grpc_completion_queue_next(q->grpc, until, NULL);
        if (i == 0)
            awake(q->loop);
        if (ev.type != GRPC_OP_COMPLETE)
            return;
        dispatch(q, ev.tag, ev.success != 0);
        until = gpr_time_0(GPR_CLOCK_MONOTONIC); /* after the first, only what is ready */
    }
}

/* --- Life --------------------------------------------------------------------------- */

static void close_waker(struct core_queue *q)
{
    grpc_call_unref(q->waker);
    grpc_channel_destroy(q->lame);
}

/* The thread, where there is one, takes the end of the queue as its own. */
static void drain(struct core_queue *q)
{
    grpc_completion_queue_shutdown(q->grpc);
    if (q->wake != NULL) {
        pthread_join(q->reader, NULL);
        return;
    }
    while (grpc_completion_queue_next(q->grpc, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN)
        ;
}

static void close_core(struct core_queue *q)
{
    grpc_completion_queue_destroy(q->grpc);
    grpc_shutdown_blocking();
    free(q);
}

int core_queue_new(struct core_queue **ret, struct loop *loop, void (*wake)(struct loop *loop))
{
    struct core_queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return ENOMEM;
    grpc_init();
    core_locks_trust();
    q->loop = loop;
    q->wake = wake;
    q->grpc = grpc_completion_queue_create_for_next(NULL);
    if (wake == NULL) {
        open_waker(q);
    } else if (start_reader(q) != 0) {
        grpc_completion_queue_shutdown(q->grpc);
        close_core(q);
        return EAGAIN;
    }
    *ret = q;
    return 0;
}

void core_queue_free(struct core_queue *q)
{
    if (q == NULL)
        return;
    if (q->wake == NULL)
        close_waker(q);
    drain(q);
    close_core(q);
}
