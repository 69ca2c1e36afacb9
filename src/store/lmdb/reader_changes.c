/* Reading the log of changes. */
#include "change_block.h"
#include "reader_internal.h"

static int changes_get(struct lmdb_reader *r, MDB_val *key, MDB_val *stored, MDB_cursor_op op)
{
    guard_enter();
    int rc = r->changes_ready ? 0 : mdb_cursor_renew(r->txn, r->changes);
    r->changes_ready = true;
    if (rc == 0)
        rc = mdb_cursor_get(r->changes, key, stored, op);
    guard_leave();
    return rc;
}

static int revision_get(struct lmdb_reader *r, uint64_t *ret)
{
    MDB_val key = { 0 }, stored;
    guard_enter();
    const int rc = meta_get(r->store, r->txn, "revision", ret);
    guard_leave();
    if (rc != 0)
        return rc;
    const int at = changes_get(r, &key, &stored, MDB_LAST);
    return at == 0 && !leaf_is_sound(r, key) ? MDB_CORRUPTED : log_ends_with(*ret, at, key);
}

int lmdb_revision(struct reader *base, uint64_t *ret)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    const int rc = revision_get(r, ret);
    return rc == 0 ? 1 : reader_fail(r, rc);
}

/* The next block, of those that there are. */
static int block_get(struct lmdb_reader *r, MDB_val *key, MDB_cursor_op op, struct block *ret)
{
    MDB_val stored;
    const int rc = changes_get(r, key, &stored, op);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    return leaf_is_sound(r, *key) && is_in_file(r, stored) ? block_read(*key, stored, ret)
                                                           : MDB_CORRUPTED;
}

/* Visits what the block has after *revision, which it must go on from without a gap. 1:
 * stopped; 0; or MDB_CORRUPTED. */
static int visit_block(struct block *b, uint64_t *revision, struct change_visit *visit)
{
    struct change c;
    int rv = b->next > *revision + 1 ? MDB_CORRUPTED : 1;
    while (rv == 1 && (rv = block_next(b, &c)) == 1) {
        if (c.revision <= *revision)
            continue;
        if (!visit->change(visit, &c))
            return 1;
        *revision = c.revision;
    }
    return rv;
}

/* Only the beginning is ever dropped. */
int lmdb_changes(struct reader *base, uint64_t *revision, struct change_visit *visit)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    uint8_t room[REVISION_KEY_BYTES];
    MDB_val key = revision_key(room, *revision + 1);
    MDB_cursor_op op = MDB_SET_RANGE;
    struct block b;
    uint64_t last = 0;
    int rc = revision_get(r, &last);
    for (; rc == 0 && *revision < last; op = MDB_NEXT) {
        rc = block_get(r, &key, op, &b);
        if (rc == 0 && op == MDB_SET_RANGE && b.next > *revision + 1)
            return READER_EXPIRED;
        if (rc == 0)
            rc = visit_block(&b, revision, visit);
        if (rc == 1)
            return 1;
    }
    return rc == 0 ? 0 : reader_fail(r, rc);
}
