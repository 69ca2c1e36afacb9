/* Which users an import has changed. */
#ifndef USER_CHANGES_H
#define USER_CHANGES_H

#include <stdatomic.h>
#include <stddef.h>

#include "store/store.h"

/* More than these at once are told as "anything may have changed". */
#define CHANGES_MAX 4096

/* A list of ids, shared by all streams that have still to tell it. */
struct changes {
    atomic_uint refs;
    size_t n;
    struct bytes ids[]; /* point behind the array */
};

/** What of @batch, just committed, is new or changed, with one reference, the
 * caller's. NULL: too many, or out of memory. */
struct changes *changes_new(const struct write_batch *batch);

struct changes *changes_ref(struct changes *c); /* any thread; NULL is fine */
void changes_unref(struct changes *c);          /* any thread; NULL is fine */

#endif
