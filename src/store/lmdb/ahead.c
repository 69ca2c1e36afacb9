#include "ahead.h"

#include <assert.h>

#include "entries.h"
#include "pages.h"

/* How many leaves ahead first lines are fetched, all at once. 8 was slower and
 * 32 not faster. */
#define TOUCH_AHEAD 16

/* Shorter scans end before what is looked up for them is of use: with 3, scans
 * of 20 posts took longer than without all this. */
#define SHORT_LEAVES 4

#define UNKNOWN SIZE_MAX

/* --- Pages -------------------------------------------------------------------------- */

/* Damage must not lead out of the page, or out of the map. */

static unsigned nodes_of(const struct ahead *a, const struct page *page)
{
    if (page->lower < sizeof *page || page->lower > a->page_bytes)
        return 0;
    return (unsigned)((page->lower - sizeof *page) / sizeof *page->at);
}

static const struct node *node_at(const struct ahead *a, const struct page *page, unsigned i)
{
    const size_t at = page->at[i];
    const struct node *n = (const void *)((const uint8_t *)page + at);
    if (at % 2 == 0 && at + sizeof *n <= a->page_bytes &&
        at + sizeof *n + n->key_bytes <= a->page_bytes)
        return n;
    return (const void *)page;
}

static const void *page_at(const struct ahead *a, uint64_t number)
{
    return number < a->pages ? a->map + number * a->page_bytes : NULL;
}

static const void *child_at(const struct ahead *a, const struct page *page, unsigned i)
{
    return page_at(a, node_child(node_at(a, page, i)));
}

/* --- The tree ----------------------------------------------------------------------- */

static bool is_after(MDB_val key, const struct node *n)
{
    const size_t common = n->key_bytes < key.mv_size ? n->key_bytes : key.mv_size;
    const int order = memcmp(n->key, key.mv_data, common);
    return order > 0 || (order == 0 && n->key_bytes > key.mv_size);
}

/* The last child whose keys do not all come after @key. The first one's key is
 * not kept: it is lower than any. */
static unsigned find_child(const struct ahead *a, const struct page *page, MDB_val key)
{
    unsigned low = 1, high = nodes_of(a, page);
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (is_after(key, node_at(a, page, middle)))
            high = middle;
        else
            low = middle + 1;
    }
    return low - 1;
}

/* Finds the leaf's parent, or leaves it NULL. */
static void descend(struct ahead *a, MDB_val key)
{
    const struct page *page = page_at(a, a->root);
    a->parent = NULL;
    for (unsigned level = a->depth; page != NULL && level > 1; level--) {
        if (!(page->flags & PAGE_BRANCH))
            return;
        a->index = a->touched = find_child(a, page, key);
        if (level == 2)
            a->parent = page;
        page = child_at(a, page, a->index);
    }
    if ((uintptr_t)page != a->leaf)
        a->parent = NULL;
}

/* Page numbers count from the start of the map, and a page knows its own. */
static bool find_tree(struct ahead *a, MDB_txn *txn)
{
    struct table records;
    MDB_envinfo info;
    MDB_val key = val_of(RECORDS_TABLE, strlen(RECORDS_TABLE)), value;
    if (mdb_get(txn, a->store->unnamed, &key, &value) != 0 || value.mv_size != sizeof records)
        return false;
    memcpy(&records, value.mv_data, sizeof records);
    mdb_env_info(a->store->env, &info);
    const struct page *leaf = (const void *)a->leaf;
    a->map = (const uint8_t *)leaf - leaf->number * a->page_bytes;
    a->pages = info.me_last_pgno + 1;
    a->root = records.root;
    a->depth = records.depth;
    return true;
}

/* --- Fetching ----------------------------------------------------------------------- */

static void touch_ahead(struct ahead *a, unsigned nodes)
{
    if (a->touched > a->index + 1)
        return;
    for (unsigned i = 0; i < TOUCH_AHEAD && a->touched + 1 < nodes; i++)
        __builtin_prefetch(child_at(a, a->parent, ++a->touched));
}

static void fetch_next(struct ahead *a)
{
    assert(a->leaf != 0); /* the key that was found lies in it */
    const unsigned nodes = nodes_of(a, a->parent);
    const unsigned records = nodes_of(a, (const void *)a->leaf);
    if (records == 0 || a->index + 1 >= nodes) /* damaged; the next leaf has another parent */
        return;
    touch_ahead(a, nodes);
    a->line = child_at(a, a->parent, a->index + 1);
    if (a->line == NULL)
        return;
    a->end = a->line + a->page_bytes;
    a->lines_a_record = (unsigned)(a->page_bytes / LINE_BYTES) / records + 1;
}

static uintptr_t leaf_of(const struct ahead *a, MDB_val key)
{
    return (uintptr_t)key.mv_data & ~(uintptr_t)(a->page_bytes - 1);
}

void ahead_init(struct ahead *a, struct lmdb_store *store)
{
    MDB_stat stat;
    *a = (struct ahead){ .store = store, .page_bytes = UNKNOWN };
    if (pages_known() && mdb_env_stat(store->env, &stat) == 0)
        a->page_bytes = stat.ms_psize;
}

/* What was not fetched before is fetched now, as far as that helps. */
static void arrive(struct ahead *a, uintptr_t leaf)
{
    const bool fetched = a->end != NULL && (uintptr_t)a->end - a->page_bytes == leaf;
    for (size_t i = 0; !fetched && i < a->page_bytes; i += LINE_BYTES)
        __builtin_prefetch((const char *)leaf + i);
    a->leaf = leaf;
    a->leaves++;
    a->line = a->end = NULL;
}

/* Most often it goes on where the last one has stopped. */
void ahead_begin(struct ahead *a, MDB_txn *txn, MDB_val key)
{
    const size_t snapshot = mdb_txn_id(txn);
    if (a->page_bytes == UNKNOWN || (a->snapshot == snapshot && a->leaf == leaf_of(a, key)))
        return;
    if (a->snapshot != snapshot)
        a->pages = 0;
    a->snapshot = snapshot;
    a->parent = NULL;
    a->leaves = 0;
    arrive(a, leaf_of(a, key));
}

void ahead_enter(struct ahead *a, MDB_txn *txn, MDB_val key)
{
    arrive(a, leaf_of(a, key));
    if (a->leaves < SHORT_LEAVES)
        return;
    if (a->pages == 0 && !find_tree(a, txn)) {
        a->page_bytes = UNKNOWN;
        return;
    }
    if (a->parent == NULL || ++a->index >= nodes_of(a, a->parent) ||
        (uintptr_t)child_at(a, a->parent, a->index) != a->leaf)
        descend(a, key);
    if (a->parent != NULL)
        fetch_next(a);
}
