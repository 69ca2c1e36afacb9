#include <inttypes.h>
#include <stdlib.h>

#include "change_index.h"
#include "pages.h"

struct pass {
    struct lmdb_store *store;
    MDB_txn *txn;
    struct store_check *check;
    uint64_t next_sequence, revision;
    struct position last; /* record that was looked at */
    struct bytes group;   /* the last group's id */
    uint64_t change;      /* that was looked at */
    struct change_index index;
};

/* A table from end to end. Returns 0, or LMDB's error. */
static int each(struct pass *p, MDB_dbi table, void (*look)(struct pass *p, MDB_val key, MDB_val v))
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(p->txn, table, &cursor);
    if (rc != 0)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        look(p, key, value);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* --- The last change of a record ---------------------------------------------------- */

/* What is missing in the log, or damaged, was said of the log. */
static bool is_change(struct pass *p, uint64_t revision, enum change_kind kind, struct position at,
                      struct bytes id)
{
    struct change c = { 0 };
    return change_index_find(&p->index, revision, &c) != 0 ||
           (c.kind == kind && c.at.group == at.group && c.at.sequence == at.sequence &&
            bytes_equal(c.id, id));
}

/* What was put, and is gone, was deleted by a later change. */
static bool was_deleted(struct pass *p, const struct change *c)
{
    const uint64_t revision = change_index_deleted(&p->index, c->at.sequence);
    return revision > c->revision && is_change(p, revision, CHANGE_DELETE, c->at, c->id);
}

/* --- Groups ------------------------------------------------------------------------- */

static void look_at_group(struct pass *p, MDB_val key, MDB_val value)
{
    struct bytes id = { 0 };
    uint32_t ordinal;
    if (key.mv_size != sizeof ordinal || be32_read(key.mv_data) != p->check->groups)
        store_check_found(p->check, "group %" PRIu64 " is missing in the order of groups",
                          p->check->groups);
    else if (group_id(be32_read(key.mv_data), value, &id) != 0)
        store_check_found(p->check, "the id of group %" PRIu64 " is damaged", p->check->groups);
    else if (group_find(p->store, p->txn, id, &ordinal) != 0 || ordinal != p->check->groups)
        store_check_found(p->check, "group %" PRIu64 " is not found by its id \"%.*s\"",
                          p->check->groups, (int)id.len, (const char *)id.data);
    p->check->groups++;
}

/* --- Records ------------------------------------------------------------------------ */

static void found_at(struct pass *p, struct position at, const char *what)
{
    store_check_found(p->check, "record %" PRIu64 " of group %" PRIu32 " \"%.*s\": %s", at.sequence,
                      at.group, (int)p->group.len, (const char *)p->group.data, what);
}

/* Groups whose records were deleted are left out. */
static void enter_group(struct pass *p, struct position at)
{
    if (p->check->records > 0 && at.group <= p->last.group)
        found_at(p, at, "it is not in order");
    if (group_find_id(p->store, p->txn, at.group, &p->group) != 0) {
        p->group = bytes_of_text("?");
        found_at(p, at, "there is no such group");
    }
}

static void look_at_value(struct pass *p, struct position at, struct bytes value)
{
    struct bytes group, id;
    struct place place;
    const char *wrong = p->check->read(p->check, value, &group, &id);
    if (wrong != NULL)
        found_at(p, at, wrong);
    else if (!bytes_equal(group, p->group))
        found_at(p, at, "it says that it is of another group");
    else if (place_find(p->store, p->txn, id, &place) != 0 || place.at.group != at.group ||
             place.at.sequence != at.sequence)
        found_at(p, at, "it is not found by its id");
    else if (place.revision > p->revision)
        found_at(p, at, "its last change is not known yet");
    else if (place.revision >= p->index.oldest && !is_change(p, place.revision, CHANGE_PUT, at, id))
        found_at(p, at, "the log has something else as its last change");
    p->check->value_bytes += value.len;
}

static void look_at_record(struct pass *p, MDB_val key, MDB_val stored)
{
    struct bytes value;
    if (key.mv_size != RECORD_KEY_BYTES) {
        store_check_found(p->check, "a record after record %" PRIu64 " has no place",
                          p->last.sequence);
        return;
    }
    const struct position at = record_key_read(key.mv_data);
    if (p->check->records == 0 || at.group != p->last.group)
        enter_group(p, at);
    if (at.sequence == 0 || at.sequence >= p->next_sequence)
        found_at(p, at, "its number was not given out yet");
    if (record_value(at, stored, &value) != 0)
        found_at(p, at, "its bytes are not those that were stored");
    else
        look_at_value(p, at, value);
    p->last = at;
    p->check->records++;
}

/* --- The log of changes ------------------------------------------------------------- */

/* A record knows its last change: one that the log has after it was forgotten. That what it
 * knows is in the log is seen when the record is looked at. */
static void look_at_change(struct pass *p, const struct change *c)
{
    struct place place;
    const int rc = place_find(p->store, p->txn, c->id, &place);
    if (rc == 0 ? place.revision < c->revision : rc != MDB_NOTFOUND)
        store_check_found(p->check, "change %" PRIu64 ": the record \"%.*s\" does not know it",
                          c->revision, (int)c->id.len, (const char *)c->id.data);
    else if (rc == MDB_NOTFOUND && c->kind == CHANGE_PUT && !was_deleted(p, c))
        store_check_found(p->check,
                          "change %" PRIu64 ": the record \"%.*s\" is gone, and no change says why",
                          c->revision, (int)c->id.len, (const char *)c->id.data);
    if (c->at.sequence == 0 || c->at.sequence >= p->next_sequence)
        store_check_found(p->check,
                          "change %" PRIu64 " is of a record whose number was not given out yet",
                          c->revision);
}

static void look_at_block(struct pass *p, MDB_val key, MDB_val stored)
{
    struct block b;
    struct change c;
    int rv = block_read(key, stored, &b);
    if (rv != 0) {
        store_check_found(p->check, "changes after %" PRIu64 " are damaged", p->change);
        return;
    }
    if (p->check->changes > 0 && b.next != p->change + 1)
        store_check_found(p->check, "changes after %" PRIu64 " are missing", p->change);
    while ((rv = block_next(&b, &c)) == 1) {
        look_at_change(p, &c);
        p->check->changes++;
    }
    if (rv != 0)
        store_check_found(p->check, "changes before %" PRIu64 " are damaged", b.last);
    p->change = b.last;
}

/* A store of the format before has none. */
static int look_at_log(struct pass *p)
{
    p->index.oldest = UINT64_MAX;
    if (!p->store->logs)
        return 0;
    int rc = meta_get(p->store, p->txn, "revision", &p->revision);
    if (rc == 0)
        rc = change_index_open(&p->index, p->store, p->txn);
    if (rc == 0)
        rc = each(p, p->store->changes, look_at_block);
    if (rc == 0 && p->change != p->revision)
        store_check_found(p->check,
                          "%" PRIu64 " changes were made, and the last one in the log is %" PRIu64,
                          p->revision, p->change);
    return rc;
}

/* --- All of it ---------------------------------------------------------------------- */

/* Every record has its id, and every group its ordinal: more of them would lead
 * nowhere. */
static int compare_counts(struct pass *p)
{
    MDB_stat ids, groups;
    int rc = mdb_stat(p->txn, p->store->ids, &ids);
    if (rc == 0)
        rc = mdb_stat(p->txn, p->store->groups, &groups);
    if (rc != 0)
        return rc;
    if (ids.ms_entries != p->check->records)
        store_check_found(p->check, "there are %zu ids for %" PRIu64 " records", ids.ms_entries,
                          p->check->records);
    if (groups.ms_entries != p->check->groups)
        store_check_found(p->check, "there are %zu ids for %" PRIu64 " groups", groups.ms_entries,
                          p->check->groups);
    return 0;
}

static int look_at_all(struct pass *p, char error[STORE_ERROR_MAX])
{
    int rc = meta_get(p->store, p->txn, "next_sequence", &p->next_sequence);
    if (rc == 0)
        rc = look_at_log(p);
    if (rc == 0)
        rc = each(p, p->store->order, look_at_group);
    if (rc == 0)
        rc = each(p, p->store->records, look_at_record);
    if (rc == 0)
        rc = compare_counts(p);
    return rc == 0 ? 0
                   : store_fail(error, "cannot read the store in %s: %s", p->store->dir,
                                mdb_strerror(rc));
}

/* The pages first: what comes after follows them. */
static int check_snapshot(struct lmdb_store *s, const char *kind, struct store_check *check,
                          char error[STORE_ERROR_MAX])
{
    struct pass p = { .store = s, .check = check };
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &p.txn);
    if (rc != 0)
        return store_fail(error, "cannot read the store in %s: %s", s->dir, mdb_strerror(rc));
    int rv = pages_check(s, p.txn, true, error);
    if (rv == 0)
        rv = check_format(s, p.txn, kind, error);
    if (rv == 0)
        rv = find_map(s, p.txn, error);
    if (rv == 0)
        rv = look_at_all(&p, error);
    change_index_close(&p.index);
    mdb_txn_abort(p.txn);
    return rv;
}

int lmdb_check(const char *dir, const char *kind, struct store_check *check,
               char error[STORE_ERROR_MAX])
{
    struct lmdb_store *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->dir = strdup(dir);
    if (s == NULL || s->dir == NULL) {
        free(s);
        return store_fail(error, "cannot open the store in %s: out of memory", dir);
    }
    s->lock_fd = -1;
    check->records = check->groups = check->value_bytes = check->changes = check->problems = 0;
    int rv = open_env(s, MDB_RDONLY, error);
    if (rv == 0)
        rv = check_snapshot(s, kind, check, error);
    free_store(s);
    return rv;
}
