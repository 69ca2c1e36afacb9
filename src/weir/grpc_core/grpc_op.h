/* Between the runtime's own files: how a batch on a loop's queue is started
 * and counted. Only files that talk to gRPC include this. */
#ifndef CORE_GRPC_OP_H
#define CORE_GRPC_OP_H

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/container.h"
#include "weir/loop.h"

/* One batch in flight; its address is the gRPC tag. Embedded in its owner,
 * which must not go away before done was called. */
struct op {
    void (*done)(struct op *op, bool ok);
    struct inbox_link link; /* private: on its way from the thread that reads the queue */
    bool ok;                /* private: the same */
};

/** The queue of this loop, which is opened if it is not yet. NULL: it cannot be,
 * for want of memory or of a thread. Loop thread, or before the loop runs. */
grpc_completion_queue *loop_queue(struct loop *loop);

/** Starts a batch and counts it, as loop_hold(); it is uncounted before done
 * is called. An op that is started otherwise needs a loop_hold(). false: refused (it breaks a rule
 * of the call, or the call is over); nothing was started, no done will come. */
bool loop_batch(struct loop *loop, grpc_call *call, const grpc_op *ops, size_t nops, struct op *op);

#endif
