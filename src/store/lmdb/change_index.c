#include "change_index.h"

#include <errno.h>
#include <stdlib.h>

/* --- Deletions ---------------------------------------------------------------------- */

static int add_deletion(struct change_index *x, const struct change *c)
{
    if (x->n == x->cap) {
        const size_t cap = x->cap > 0 ? 2 * x->cap : 1024;
        struct deletion *more = realloc(x->deletions, cap * sizeof *more);
        if (more == NULL)
            return ENOMEM;
        x->deletions = more;
        x->cap = cap;
    }
    x->deletions[x->n++] = (struct deletion){ c->at.sequence, c->revision };
    return 0;
}

static int by_sequence(const void *a, const void *b)
{
    const struct deletion *x = a, *y = b;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

uint64_t change_index_deleted(const struct change_index *x, uint64_t sequence)
{
    const struct deletion key = { .sequence = sequence };
    const struct deletion *found =
        x->n > 0 ? bsearch(&key, x->deletions, x->n, sizeof key, by_sequence) : NULL;
    return found != NULL ? found->revision : 0;
}

/* --- Changes ------------------------------------------------------------------------ */

int change_index_find(struct change_index *x, uint64_t revision, struct change *ret)
{
    uint8_t room[REVISION_KEY_BYTES];
    MDB_val key = revision_key(room, revision), stored;
    int rc = 0;
    if (revision < x->block.next || revision > x->block.last) {
        rc = mdb_cursor_get(x->cursor, &key, &stored, MDB_SET_RANGE);
        if (rc == 0)
            rc = block_read(key, stored, &x->block);
    }
    if (rc == 0 && revision < x->block.next)
        rc = MDB_NOTFOUND;
    struct block b = x->block;
    while (rc == 0 && b.next <= revision)
        rc = block_next(&b, ret) == 1 ? 0 : MDB_CORRUPTED;
    return rc;
}

/* --- Life --------------------------------------------------------------------------- */

static int gather(struct change_index *x, struct block b)
{
    struct change c;
    int rc = 0;
    if (b.next < x->oldest)
        x->oldest = b.next;
    while (rc == 0 && block_next(&b, &c) == 1)
        if (c.kind == CHANGE_DELETE)
            rc = add_deletion(x, &c);
    return rc;
}

int change_index_open(struct change_index *x, struct lmdb_store *store, MDB_txn *txn)
{
    MDB_val key, stored;
    *x = (struct change_index){ .oldest = UINT64_MAX };
    int rc = mdb_cursor_open(txn, store->changes, &x->cursor);
    while (rc == 0 && (rc = mdb_cursor_get(x->cursor, &key, &stored, MDB_NEXT)) == 0) {
        struct block b;
        if (block_read(key, stored, &b) == 0)
            rc = gather(x, b);
    }
    if (x->n > 0)
        qsort(x->deletions, x->n, sizeof *x->deletions, by_sequence);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

void change_index_close(struct change_index *x)
{
    if (x->cursor != NULL)
        mdb_cursor_close(x->cursor);
    free(x->deletions);
    *x = (struct change_index){ 0 };
}
