/* Which users changed, on its way from the loop of an import to every loop. */
#ifndef USER_CHANGES_H
#define USER_CHANGES_H

#include <stdatomic.h>
#include <stddef.h>

#include "store/store.h"

struct task;

/* More than these at once are told as "anything may have changed". */
#define CHANGES_MAX 4096

/* A list of ids, shared by all streams that have still to tell it. */
struct changes {
    atomic_uint refs;
    size_t n;
    struct bytes ids[]; /* point behind the array */
};

struct changes *changes_ref(struct changes *c); /* any thread; NULL is fine */
void changes_unref(struct changes *c);          /* any thread; NULL is fine */

/** Tells every loop which records of @batch, just committed, are new or
 * changed; on each, resolve_tell_streams() follows. Loop thread only. If memory
 * runs out the loops are told to forget every name, as soon as that can be
 * done. */
void changes_tell(struct loop *loop, const struct import_batch *batch);

/** The task behind that. */
void changes_forget_names(struct task *task);

#endif
