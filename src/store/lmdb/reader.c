/* Reading: one transaction per reader, renewed for each step. */
#include <stdlib.h>

#include "entries.h"
#include "pages.h"
#include "reader_internal.h"

int reader_fail(struct lmdb_reader *r, int rc)
{
    return store_fail(r->error, "cannot read the store in %s: %s", r->store->dir,
                      rc == MDB_CORRUPTED
                          ? "it is damaged; look with --check, restore it from a backup"
                          : mdb_strerror(rc));
}

static void lmdb_reader_free(struct reader *base)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    mdb_cursor_close(r->changes);
    mdb_cursor_close(r->cursor);
    mdb_txn_abort(r->txn);
    free(r);
}

/* Another commit: pages may have become others, and there may be more. */
static void look_anew(struct lmdb_reader *r)
{
    MDB_envinfo info;
    r->commit = mdb_txn_id(r->txn);
    r->leaf = 0;
    memset(r->sound, 0, sizeof r->sound);
    if (r->store->map == NULL)
        return;
    mdb_env_info(r->store->env, &info);
    r->end = r->store->map + (info.me_last_pgno + 1) * r->store->page_bytes;
}

static int lmdb_begin(struct reader *base, char error[STORE_ERROR_MAX])
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    int rc = mdb_txn_renew(r->txn);
    if (rc != 0)
        return store_fail(error, "cannot read the store in %s: %s", r->store->dir,
                          mdb_strerror(rc));
    r->cursor_ready = r->changes_ready = false;
    if (mdb_txn_id(r->txn) != r->commit)
        look_anew(r);
    return 0;
}

static void lmdb_end(struct reader *base)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    mdb_txn_reset(r->txn);
}

static const char *lmdb_error(const struct reader *base)
{
    const struct lmdb_reader *r = container_of(base, struct lmdb_reader, reader);
    return r->error;
}

static int count_entries(struct lmdb_reader *r, MDB_dbi table, uint64_t *ret)
{
    MDB_stat stat;
    guard_enter();
    const int rc = mdb_stat(r->txn, table, &stat);
    guard_leave();
    if (rc != 0)
        return reader_fail(r, rc);
    *ret = stat.ms_entries;
    return 1;
}

static int lmdb_count(struct reader *base, uint64_t *ret)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    return count_entries(r, r->store->records, ret);
}

static int lmdb_groups(struct reader *base, uint64_t *ret)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    return count_entries(r, r->store->order, ret);
}

/* --- Damage ------------------------------------------------------------------------- */

bool is_in_file(const struct lmdb_reader *r, MDB_val v)
{
    const uint8_t *data = v.mv_data;
    return r->store->map == NULL ||
           (data >= r->store->map && data <= r->end && v.mv_size <= (size_t)(r->end - data));
}

static const struct page *leaf_of(const struct lmdb_reader *r, MDB_val key)
{
    return (const void *)((uintptr_t)key.mv_data & ~(uintptr_t)(r->store->page_bytes - 1));
}

/* Once for each leaf that a scan comes to, or as long as it is remembered. */
bool leaf_is_sound(struct lmdb_reader *r, MDB_val key)
{
    const struct lmdb_store *s = r->store;
    const uintptr_t leaf = (uintptr_t)leaf_of(r, key);
    if (leaf == r->leaf || s->map == NULL)
        return true;
    const uint64_t pages = (uint64_t)(r->end - s->map) / s->page_bytes;
    const uint64_t number = (leaf - (uintptr_t)s->map) / s->page_bytes;
    uint64_t *sound = &r->sound[number % SOUND_LEAVES];
    if (number != *sound && (number >= pages || page_wrong((void *)leaf, number, PAGE_LEAF,
                                                           s->page_bytes, pages) != NULL))
        return false;
    r->leaf = leaf;
    *sound = number;
    return true;
}

static int value_of(const struct lmdb_reader *r, struct position at, MDB_val stored,
                    struct bytes *ret)
{
    return is_in_file(r, stored) ? record_value(at, stored, ret) : MDB_CORRUPTED;
}

/* --- What is there ------------------------------------------------------------------ */

static int value_at(struct lmdb_reader *r, struct position at, struct bytes *ret)
{
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val key = record_key(room, at), stored;
    int rc = table_get(r->txn, r->store->records, &key, &stored);
    if (rc == MDB_NOTFOUND)
        return MDB_CORRUPTED; /* an id without its record */
    return rc == 0 ? value_of(r, at, stored, ret) : rc;
}

/* 1, 0, or -1. */
static int find_place(struct lmdb_reader *r, struct bytes id, struct place *ret)
{
    if (id.len == 0 || id.len > STORE_ID_MAX)
        return 0;
    const int rc = place_find(r->store, r->txn, id, ret);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : reader_fail(r, rc);
}

static int lmdb_get(struct reader *base, struct bytes id, struct bytes *ret_value)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    struct place place = { 0 };
    const int found = find_place(r, id, &place);
    if (found <= 0)
        return found;
    const int rc = value_at(r, place.at, ret_value);
    return rc == 0 ? 1 : reader_fail(r, rc);
}

static int lmdb_place(struct reader *base, struct bytes id, struct position *ret)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    struct place place = { 0 };
    const int found = find_place(r, id, &place);
    if (found == 1)
        *ret = place.at;
    return found;
}

/* As reader_put_value(), from the tables. */
static int find_put(struct lmdb_reader *r, const struct change *c, struct bytes *ret)
{
    struct place place = { 0 };
    const int found = find_place(r, c->id, &place);
    if (found <= 0 || place.revision != c->revision)
        return found < 0 ? -1 : 0;
    const int rc = value_at(r, place.at, ret);
    return rc == 0 ? 1 : reader_fail(r, rc);
}

static int lmdb_put_value(struct reader *base, const struct change *c, struct bytes *ret_value)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    struct put *p = &r->puts[c->revision % PUTS];
    if (p->commit != r->commit || p->revision != c->revision) {
        struct bytes value = { 0 };
        const int found = find_put(r, c, &value);
        if (found < 0)
            return -1;
        *p = (struct put){ r->commit, c->revision, found == 1, value };
    }
    *ret_value = p->value;
    return p->newest;
}

static int lmdb_group(struct reader *base, struct bytes id, uint32_t *ret_ordinal)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    if (id.len > STORE_ID_MAX)
        return 0;
    int rc = group_find(r->store, r->txn, id, ret_ordinal);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : reader_fail(r, rc);
}

static int lmdb_group_id(struct reader *base, uint32_t ordinal, struct bytes *ret_id)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    int rc = group_find_id(r->store, r->txn, ordinal, ret_id);
    if (rc == MDB_NOTFOUND)
        return 0;
    return rc == 0 ? 1 : reader_fail(r, rc);
}

/* The place strictly after @at; false: there is none. */
static bool step_after(struct position *at)
{
    if (++at->sequence != 0)
        return true;
    return ++at->group != 0;
}

static bool is_after(struct position a, struct position b)
{
    return a.group > b.group || (a.group == b.group && a.sequence > b.sequence);
}

/* A record, which must come after @before. */
static int record_read(MDB_val key, MDB_val stored, struct position before, struct position *ret,
                       struct bytes *ret_value)
{
    if (key.mv_size != RECORD_KEY_BYTES)
        return MDB_CORRUPTED;
    *ret = record_key_read(key.mv_data);
    return is_after(*ret, before) ? record_value(*ret, stored, ret_value) : MDB_CORRUPTED;
}

/* The one that the cursor is at. */
static int record_at(struct lmdb_reader *r, MDB_val key, MDB_val stored, struct position before,
                     struct position *ret, struct bytes *ret_value)
{
    return leaf_is_sound(r, key) && is_in_file(r, stored)
               ? record_read(key, stored, before, ret, ret_value)
               : MDB_CORRUPTED;
}

static int cursor_get(struct lmdb_reader *r, MDB_val *key, MDB_val *stored, MDB_cursor_op op)
{
    guard_enter();
    int rc = r->cursor_ready ? 0 : mdb_cursor_renew(r->txn, r->cursor);
    r->cursor_ready = true;
    if (rc == 0)
        rc = mdb_cursor_get(r->cursor, key, stored, op);
    guard_leave();
    return rc;
}

/* --- Groups of few records ---------------------------------------------------------- */

static bool is_in_page(const struct lmdb_reader *r, const struct page *page, MDB_val v)
{
    return (uintptr_t)v.mv_data - (uintptr_t)page < r->store->page_bytes;
}

static uint16_t node_index(const struct page *page, const uint8_t *key)
{
    const size_t at = (size_t)(key - (const uint8_t *)page) - offsetof(struct node, key);
    uint16_t i = 0;
    while (i < page_nodes(page) && page->at[i] != at)
        i++;
    return i;
}

/* The group's next record is this one, in a sound leaf. */
static void spot_add(const struct lmdb_reader *r, struct spot *s, MDB_val key, MDB_val stored)
{
    const struct page *leaf = leaf_of(r, key);
    if (s->commit == 0)
        return;
    if (s->n++ == 0) {
        s->leaf = leaf;
        s->first = node_index(leaf, key.mv_data);
    }
    if (s->leaf != leaf || !is_in_page(r, leaf, stored))
        s->commit = 0; /* no spot will come of it */
}

/* The group has ended. */
static void spot_keep(struct lmdb_reader *r, const struct spot *s)
{
    if (s->commit != 0 && s->n > 0)
        spots_put(&r->spots, s);
}

static int visit_spot(struct lmdb_reader *r, const struct spot *s, struct position *at,
                      struct visit *visit)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct position here;
        struct bytes value;
        const struct node *n = page_node(s->leaf, s->first + i);
        const MDB_val key = val_of(n->key, n->key_bytes),
                      stored = val_of(n->key + n->key_bytes, node_value_bytes(n));
        const int rc = record_read(key, stored, *at, &here, &value);
        if (rc != 0 || here.group != s->group)
            return reader_fail(r, MDB_CORRUPTED);
        if (!visit->record(visit, here, value))
            return 1;
        *at = here;
    }
    return 0;
}

/* --- Scanning ----------------------------------------------------------------------- */

/* @s gathers where the records are, if it has a commit. */
static int scan(struct lmdb_reader *r, struct position *at, uint32_t last_group,
                struct visit *visit, struct spot *s)
{
    struct position from = *at;
    if (!step_after(&from))
        return 0;
    uint8_t room[RECORD_KEY_BYTES];
    MDB_val key = record_key(room, from), stored;
    int rc = cursor_get(r, &key, &stored, MDB_SET_RANGE);
    if (rc == 0)
        ahead_begin(&r->ahead, r->txn, key);
    for (; rc == 0; rc = cursor_get(r, &key, &stored, MDB_NEXT)) {
        struct position here;
        struct bytes value;
        ahead_visit(&r->ahead, r->txn, key);
        rc = record_at(r, key, stored, *at, &here, &value);
        if (rc != 0)
            return reader_fail(r, rc);
        if (here.group > last_group)
            return 0;
        if (!visit->record(visit, here, value))
            return 1;
        *at = here;
        spot_add(r, s, key, stored);
    }
    return rc == MDB_NOTFOUND ? 0 : reader_fail(r, rc);
}

static int lmdb_scan(struct reader *base, struct position *at, uint32_t last_group,
                     struct visit *visit)
{
    struct lmdb_reader *r = lmdb_reader_of(base);
    const bool whole = at->sequence == 0 && at->group == last_group && r->store->map != NULL;
    struct spot s = { .commit = whole ? r->commit : 0, .group = last_group };
    const struct spot *known = whole ? spots_find(&r->spots, r->commit, last_group) : NULL;
    if (known != NULL)
        return visit_spot(r, known, at, visit);
    const int rv = scan(r, at, last_group, visit, &s);
    if (rv == 0)
        spot_keep(r, &s);
    return rv;
}

/* --- The engine's ------------------------------------------------------------------- */

static const struct reader_engine lmdb_reader_engine = {
    .free = lmdb_reader_free,
    .begin = lmdb_begin,
    .end = lmdb_end,
    .error = lmdb_error,
    .count = lmdb_count,
    .groups = lmdb_groups,
    .get = lmdb_get,
    .place = lmdb_place,
    .group = lmdb_group,
    .group_id = lmdb_group_id,
    .scan = lmdb_scan,
    .revision = lmdb_revision,
    .changes = lmdb_changes,
    .put_value = lmdb_put_value,
};

int lmdb_reader_new(struct reader **ret, struct store *base, struct loop *loop,
                    char error[STORE_ERROR_MAX])
{
    int rc;
    (void)loop;
    struct lmdb_store *store = lmdb_store_of(base);
    struct lmdb_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return store_fail(error, "cannot read the store in %s: out of memory", store->dir);
    r->reader.engine = &lmdb_reader_engine;
    r->store = store;
    rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &r->txn);
    if (rc != 0)
        goto err;
    rc = mdb_cursor_open(r->txn, store->records, &r->cursor);
    if (rc == 0)
        rc = mdb_cursor_open(r->txn, store->changes, &r->changes);
    if (rc != 0)
        goto err_after_txn;
    mdb_txn_reset(r->txn);
    ahead_init(&r->ahead, store);
    *ret = &r->reader;
    return 0;

err_after_txn:
    if (r->cursor != NULL)
        mdb_cursor_close(r->cursor);
    mdb_txn_abort(r->txn);
err:
    store_fail(error, "cannot read the store in %s: %s", store->dir, mdb_strerror(rc));
    free(r);
    return -1;
}
