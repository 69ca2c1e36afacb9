/* Reading the log of changes. */
#include "change_block.h"
#include "reader_internal.h"

uint64_t reader_revision(struct reader *r)
{
    uint64_t revision = 0;
    guard_enter();
    const int rc = meta_get(r->store, r->txn, "revision", &revision);
    guard_leave();
    return rc == 0 ? revision : 0;
}

static int changes_get(struct reader *r, MDB_val *key, MDB_val *stored, MDB_cursor_op op)
{
    guard_enter();
    int rc = r->changes_ready ? 0 : mdb_cursor_renew(r->txn, r->changes);
    r->changes_ready = true;
    if (rc == 0)
        rc = mdb_cursor_get(r->changes, key, stored, op);
    guard_leave();
    return rc;
}

/* The block that the cursor is at. */
static int block_at(struct reader *r, MDB_val key, MDB_val stored, struct block *ret)
{
    return leaf_is_sound(r, key) && is_in_file(r, stored) ? block_read(key, stored, ret)
                                                          : MDB_CORRUPTED;
}

/* Visits what the block has after *revision. 1: stopped; 0; or MDB_CORRUPTED. */
static int visit_block(struct block *b, uint64_t *revision, struct change_visit *visit)
{
    struct change c;
    int rv;
    while ((rv = block_next(b, &c)) == 1) {
        if (c.revision <= *revision)
            continue;
        if (!visit->change(visit, &c))
            return 1;
        *revision = c.revision;
    }
    return rv;
}

/* Nothing is kept after *revision: then nothing may have happened since. */
static int at_end(struct reader *r, uint64_t revision)
{
    return reader_revision(r) > revision ? READER_EXPIRED : 0;
}

int reader_changes(struct reader *r, uint64_t *revision, struct change_visit *visit)
{
    uint8_t room[REVISION_KEY_BYTES];
    MDB_val key = revision_key(room, *revision + 1), stored;
    struct block b;
    int rc = changes_get(r, &key, &stored, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return at_end(r, *revision);
    for (; rc == 0; rc = changes_get(r, &key, &stored, MDB_NEXT)) {
        rc = block_at(r, key, stored, &b);
        if (rc != 0)
            return reader_fail(r, rc);
        if (b.next > *revision + 1)
            return READER_EXPIRED;
        const int rv = visit_block(&b, revision, visit);
        if (rv != 0)
            return rv == 1 ? 1 : reader_fail(r, rv);
    }
    return rc == MDB_NOTFOUND ? 0 : reader_fail(r, rc);
}
