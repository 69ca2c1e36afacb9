/* Which users changed, on its way from the loop of an import to every loop. */
#ifndef USER_TELL_CHANGES_H
#define USER_TELL_CHANGES_H

#include "store/store.h"

struct loop;
struct task;

/** Tells every loop which records of @batch, just committed, are new or
 * changed; on each, resolve_tell_streams() follows. Loop thread only. If memory
 * runs out the loops are told that any may have changed, as soon as that can be
 * done. */
void tell_changes(struct loop *loop, const struct write_batch *batch);

/** The task behind that. */
void tell_all_changed(struct task *task);

#endif
