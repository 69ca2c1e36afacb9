#include "pages.h"
#include "entries.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_DEPTH   32 /* LMDB's */
#define NO_ROOT     UINT64_MAX
#define TABLE_NAME  32  /* of it, in a line */
#define SMALL_TABLE 256 /* leaves: 1 MiB, read in no time */
#define COMMITS_MAX 100 /* of another process, while we look for the last one */

bool pages_known(void)
{
    int major, minor;
    mdb_version(&major, &minor, NULL);
    return major == 0 && minor == 9;
}

/* --- One page ----------------------------------------------------------------------- */

static uint64_t big_first(const struct node *n)
{
    uint64_t first;
    memcpy(&first, n->key + n->key_bytes, sizeof first);
    return first;
}

static uint64_t big_pages(const struct node *n, size_t page_bytes)
{
    return (sizeof(struct page) - 1 + node_value_bytes(n)) / page_bytes + 1;
}

/* Only what is after the node's head is not known to be in the page. */
static size_t node_bytes(const struct node *n, unsigned kind)
{
    size_t bytes = sizeof *n + n->key_bytes;
    if (kind == PAGE_LEAF)
        bytes += n->flags & NODE_BIG ? sizeof(uint64_t) : node_value_bytes(n);
    return bytes + (bytes & 1);
}

static bool leads_astray(const struct node *n, size_t page_bytes, unsigned kind, uint64_t pages)
{
    if (kind == PAGE_BRANCH)
        return node_child(n) >= pages;
    if (!(n->flags & NODE_BIG))
        return false;
    return big_first(n) >= pages || big_pages(n, page_bytes) > pages - big_first(n);
}

const char *page_wrong(const struct page *page, uint64_t number, unsigned kind, size_t page_bytes,
                       uint64_t pages)
{
    if (page->number != number)
        return "it has the number of another page";
    if (page->flags != kind)
        return "it is a page of another kind";
    if (page->lower <= sizeof *page || page->lower > page->upper || page->upper > page_bytes ||
        page->lower % 2 != 0)
        return "its free space begins or ends in the wrong place";
    size_t used = 0;
    for (unsigned i = 0; i < page_nodes(page); i++) {
        const size_t at = page->at[i];
        const struct node *n = page_node(page, i);
        if (at % 2 != 0 || at < page->upper || at + sizeof *n > page_bytes ||
            at + node_bytes(n, kind) > page_bytes)
            return "an entry lies outside of it";
        if (kind == PAGE_LEAF && n->flags & ~(NODE_BIG | NODE_TABLE))
            return "an entry has a kind that we do not write";
        if (leads_astray(n, page_bytes, kind, pages))
            return "it leads out of the file";
        used += node_bytes(n, kind);
    }
    return used == page_bytes - page->upper ? NULL : "its entries do not fill it";
}

/* --- Trees -------------------------------------------------------------------------- */

struct walk {
    const char *dir;
    int fd;
    size_t page_bytes;
    uint64_t pages;
    uint8_t *seen; /* a bit a page: it is part of something */
    bool all_leaves;
    const char *table; /* where the walk is */
    bool numbers;      /* its keys are numbers of this machine */
    bool leaves;
    struct table found; /* counts only */
    char *error;
};

__attribute__((format(printf, 3, 4))) static int fail(struct walk *w, uint64_t number,
                                                      const char *format, ...)
{
    char why[128];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return store_fail(w->error,
                      "%s/data.mdb is damaged: page %" PRIu64 ", in %s: %s; restore it from a "
                      "backup",
                      w->dir, number, w->table, why);
}

static int fail_memory(struct walk *w)
{
    return store_fail(w->error, "cannot look at the store in %s: out of memory", w->dir);
}

static int read_page(struct walk *w, uint64_t number, void *page)
{
    const ssize_t n = pread(w->fd, page, w->page_bytes, (off_t)(number * w->page_bytes));
    return n == (ssize_t)w->page_bytes ? 0 : fail(w, number, "it cannot be read");
}

/* Each page is part of one thing. */
static int claim(struct walk *w, uint64_t first, uint64_t n)
{
    for (uint64_t p = first; p < first + n; p++) {
        const uint8_t bit = (uint8_t)(1 << p % 8);
        if (p < 2 || p >= w->pages || w->seen[p / 8] & bit)
            return fail(w, p, "it is used twice, or outside of the file");
        w->seen[p / 8] |= bit;
    }
    return 0;
}

static MDB_val key_of(const struct node *n)
{
    return val_of(n->key, n->key_bytes);
}

/* As LMDB orders them. */
static bool is_before(const struct walk *w, MDB_val a, MDB_val b)
{
    if (w->numbers) {
        size_t x = 0, y = 0;
        memcpy(&x, a.mv_data, a.mv_size < sizeof x ? a.mv_size : sizeof x);
        memcpy(&y, b.mv_data, b.mv_size < sizeof y ? b.mv_size : sizeof y);
        return x < y;
    }
    const int order = memcmp(a.mv_data, b.mv_data, a.mv_size < b.mv_size ? a.mv_size : b.mv_size);
    return order < 0 || (order == 0 && a.mv_size < b.mv_size);
}

/* The first key of a branch is not kept: it is lower than any. Those of a page
 * are within what the page above says, from @low to before @high. */
static int check_keys(struct walk *w, const struct page *page, const MDB_val *low,
                      const MDB_val *high)
{
    const unsigned first = page->flags == PAGE_BRANCH, n = page_nodes(page);
    for (unsigned i = first; i < n; i++) {
        const MDB_val key = key_of(page_node(page, i));
        if (i > first && !is_before(w, key_of(page_node(page, i - 1)), key))
            return fail(w, page->number, "its keys are not in order");
        if ((low != NULL && is_before(w, key, *low)) || (high != NULL && !is_before(w, key, *high)))
            return fail(w, page->number, "its keys do not belong there");
    }
    return 0;
}

/* The pages of a big value, which say themselves how many they are: a value that
 * became smaller within one commit keeps those it had. */
static int claim_big(struct walk *w, const struct node *n)
{
    struct page head;
    const uint64_t first = big_first(n);
    if (pread(w->fd, &head, sizeof head, (off_t)(first * w->page_bytes)) != sizeof head)
        return fail(w, first, "it cannot be read");
    const uint64_t pages = head.lower | (uint64_t)head.upper << 16;
    if (head.number != first || head.flags != PAGE_BIG || pages < big_pages(n, w->page_bytes))
        return fail(w, first, "a big value does not begin here");
    w->found.overflow += pages;
    return claim(w, first, pages);
}

static int check_leaf(struct walk *w, const struct page *page)
{
    const unsigned n = page_nodes(page);
    w->found.entries += n;
    for (unsigned i = 0; i < n; i++)
        if (page_node(page, i)->flags & NODE_BIG && claim_big(w, page_node(page, i)) != 0)
            return -1;
    return 0;
}

typedef int leaf_fn(struct walk *w, const struct page *leaf);

static int walk_page(struct walk *w, uint64_t number, unsigned level, const MDB_val *low,
                     const MDB_val *high, leaf_fn *each_leaf);

static int walk_children(struct walk *w, const struct page *page, unsigned level,
                         const MDB_val *low, const MDB_val *high, leaf_fn *each_leaf)
{
    const unsigned n = page_nodes(page);
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < n; i++) {
        const MDB_val from = key_of(page_node(page, i));
        const MDB_val to = i + 1 < n ? key_of(page_node(page, i + 1)) : (MDB_val){ 0 };
        rv = walk_page(w, node_child(page_node(page, i)), level - 1, i > 0 ? &from : low,
                       i + 1 < n ? &to : high, each_leaf);
    }
    return rv;
}

static int visit_page(struct walk *w, const struct page *page, uint64_t number, unsigned level,
                      const MDB_val *low, const MDB_val *high, leaf_fn *each_leaf)
{
    const char *wrong =
        page_wrong(page, number, level > 1 ? PAGE_BRANCH : PAGE_LEAF, w->page_bytes, w->pages);
    if (wrong != NULL)
        return fail(w, number, "%s", wrong);
    if (check_keys(w, page, low, high) != 0)
        return -1;
    if (level > 1)
        return walk_children(w, page, level, low, high, each_leaf);
    return check_leaf(w, page) == 0 && each_leaf != NULL ? each_leaf(w, page) : 0;
}

static int walk_page(struct walk *w, uint64_t number, unsigned level, const MDB_val *low,
                     const MDB_val *high, leaf_fn *each_leaf)
{
    if (claim(w, number, 1) != 0)
        return -1;
    *(level > 1 ? &w->found.branches : &w->found.leaves) += 1;
    if (level == 1 && !w->leaves)
        return 0;
    struct page *page = malloc(w->page_bytes);
    if (page == NULL)
        return fail_memory(w);
    int rv = read_page(w, number, page);
    if (rv == 0)
        rv = visit_page(w, page, number, level, low, high, each_leaf);
    free(page);
    return rv;
}

static int walk_tree(struct walk *w, const char *name, const struct table *t, bool leaves,
                     leaf_fn *each_leaf)
{
    w->table = name;
    w->leaves = leaves;
    w->found = (struct table){ 0 };
    if (t->root == NO_ROOT)
        return t->depth == 0 && t->entries == 0 ? 0 : fail(w, 0, "it has no root page");
    if (t->depth == 0 || t->depth > MAX_DEPTH)
        return fail(w, t->root, "the tree below it has %u levels", t->depth);
    if (walk_page(w, t->root, t->depth, NULL, NULL, each_leaf) != 0)
        return -1;
    if (w->found.branches != t->branches || w->found.leaves != t->leaves ||
        (leaves && (w->found.overflow != t->overflow || w->found.entries != t->entries)))
        return fail(w, t->root, "pages are missing below it");
    return 0;
}

/* --- The whole file ----------------------------------------------------------------- */

static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "groups", "order", RECORDS_TABLE, "ids", "meta", "changes"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* One that is not ours, with keys of another order, is of another program, as the
 * format's check is about to say. */
static int walk_tables(struct walk *w, const struct page *leaf)
{
    for (unsigned i = 0; i < page_nodes(leaf); i++) {
        const struct node *n = page_node(leaf, i);
        struct table t;
        char name[TABLE_NAME];
        if (n->flags != NODE_TABLE || node_value_bytes(n) != sizeof t)
            continue;
        memcpy(&t, n->key + n->key_bytes, sizeof t);
        snprintf(name, sizeof name, "%.*s", n->key_bytes, (const char *)n->key);
        const struct table above = w->found;
        if (t.flags != 0 && is_ours(name))
            return fail(w, leaf->number, "the keys of %s are in another order", name);
        if (t.flags == 0 &&
            walk_tree(w, name, &t, w->all_leaves || t.leaves <= SMALL_TABLE, NULL) != 0)
            return -1;
        w->table = "the tables";
        w->leaves = true;
        w->found = above;
    }
    return 0;
}

/* What is free is in no tree. */
static int claim_list(struct walk *w, const struct page *leaf, const uint8_t *list, size_t bytes)
{
    uint64_t n, page;
    memcpy(&n, list, sizeof n);
    if (bytes % sizeof n != 0 || n > bytes / sizeof n - 1)
        return fail(w, leaf->number, "a list of free pages says that it is longer than it is");
    for (uint64_t i = 1; i <= n; i++) {
        memcpy(&page, list + i * sizeof page, sizeof page);
        if (claim(w, page, 1) != 0)
            return -1;
    }
    return 0;
}

static int claim_big_list(struct walk *w, const struct page *leaf, const struct node *n)
{
    const size_t bytes = sizeof(struct page) + node_value_bytes(n);
    uint8_t *pages = malloc(bytes);
    if (pages == NULL)
        return fail_memory(w);
    int rv = pread(w->fd, pages, bytes, (off_t)(big_first(n) * w->page_bytes)) == (ssize_t)bytes
                 ? 0
                 : fail(w, big_first(n), "it cannot be read");
    if (rv == 0)
        rv = claim_list(w, leaf, pages + sizeof(struct page), node_value_bytes(n));
    free(pages);
    return rv;
}

static int claim_free(struct walk *w, const struct page *leaf)
{
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < page_nodes(leaf); i++) {
        const struct node *n = page_node(leaf, i);
        if (node_value_bytes(n) < sizeof(uint64_t))
            return fail(w, leaf->number, "a list of free pages is too short");
        rv = n->flags & NODE_BIG ? claim_big_list(w, leaf, n)
                                 : claim_list(w, leaf, n->key + n->key_bytes, node_value_bytes(n));
    }
    return rv;
}

struct meta {
    uint64_t number;
    uint32_t kind, unused;
    uint32_t magic, version;
    uint64_t address, map_bytes;
    struct table free, tables;
    uint64_t last_page, commit;
};

/* There are two, written in turn, and a commit counts once its meta page is on the
 * disk: the newer one may not yet. Returns 1: neither is of @commit, or they do not
 * follow each other, since there were more meanwhile. */
static int read_meta(struct walk *w, uint64_t commit, struct meta *ret)
{
    struct meta meta[2];
    for (int i = 0; i < 2; i++)
        if (pread(w->fd, &meta[i], sizeof meta[i], (off_t)((size_t)i * w->page_bytes)) !=
            sizeof meta[i])
            return fail(w, (uint64_t)i, "it cannot be read");
    const int last = meta[1].commit > meta[0].commit;
    *ret = meta[meta[1].commit == commit];
    return ret->commit != commit || meta[last].commit - meta[!last].commit > 1;
}

static int check_commit(struct walk *w, const struct meta *meta)
{
    w->pages = meta->last_page + 1;
    w->seen = calloc(1, w->pages / 8 + 1);
    if (w->seen == NULL)
        return fail_memory(w);
    w->numbers = true;
    int rv = walk_tree(w, "the free pages", &meta->free, true, claim_free);
    w->numbers = false;
    if (rv == 0 && meta->tables.flags == 0)
        rv = walk_tree(w, "the tables", &meta->tables, true, walk_tables);
    free(w->seen);
    return rv;
}

int pages_check(struct lmdb_store *s, MDB_txn *txn, bool leaves, char error[STORE_ERROR_MAX])
{
    MDB_stat stat;
    struct meta meta = { 0 };
    struct walk w = {
        .dir = s->dir, .all_leaves = leaves, .table = "the beginning", .error = error
    };
    if (!pages_known())
        return 0;
    mdb_env_get_fd(s->env, &w.fd);
    mdb_env_stat(s->env, &stat);
    w.page_bytes = stat.ms_psize;
    for (int i = 0; i < COMMITS_MAX; i++) {
        const int rv = read_meta(&w, mdb_txn_id(txn), &meta);
        if (rv <= 0)
            return rv < 0 ? -1 : check_commit(&w, &meta);
        mdb_txn_reset(txn);
        const int rc = mdb_txn_renew(txn);
        if (rc != 0)
            return store_fail(error, "cannot read the store in %s: %s", s->dir, mdb_strerror(rc));
    }
    return fail(&w, 0, "its last commit is damaged, or there is no commit before it");
}
