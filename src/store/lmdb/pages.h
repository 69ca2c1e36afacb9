/* LMDB's pages and trees, as of 0.9: its API does not show them.
 *
 * LMDB trusts its file: a damaged page leads it anywhere. So we look at pages
 * ourselves: at the start at all that lead to others, while reading at each
 * leaf that a scan comes to, and at every page with --check.
 *
 * A page's nodes fill it from `upper` to its end without a gap, so a flipped
 * bit in a size, a count or a place does not go unnoticed. */
#ifndef LMDB_PAGES_H
#define LMDB_PAGES_H

#include <stdbool.h>

#include "lmdb_internal.h"

struct page {
    uint64_t number; /* its own */
    uint16_t pad, flags;
    uint16_t lower, upper; /* where free space begins and ends */
    uint16_t at[];         /* where the nodes are, in the order of their keys */
};

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_BIG = 4 }; /* page->flags */

struct node {
    union {
        uint16_t child[3]; /* in a branch: the page's number, lowest part first */
        struct {
            uint16_t size[2]; /* in a leaf: of the value, lower part first */
            uint16_t flags;
        };
    };
    uint16_t key_bytes;
    uint8_t key[]; /* and in a leaf the value, or where its pages begin */
};

enum { NODE_BIG = 1, NODE_TABLE = 2 }; /* node->flags: the value has pages of its own; is a table */

/* Of a table, in the unnamed one, and of that one and of the free pages in the
 * meta page. */
struct table {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflow, entries;
    uint64_t root; /* a page's number */
};

/** Whether the LMDB that runs has these pages. */
bool pages_known(void);

static inline unsigned page_nodes(const struct page *page)
{
    return (unsigned)((page->lower - sizeof *page) / sizeof *page->at);
}

static inline const struct node *page_node(const struct page *page, unsigned i)
{
    return (const void *)((const uint8_t *)page + page->at[i]);
}

/* Of one in a leaf. */
static inline size_t node_value_bytes(const struct node *n)
{
    return n->size[0] | (size_t)n->size[1] << 16;
}

static inline uint64_t node_child(const struct node *n)
{
    return n->child[0] | (uint64_t)n->child[1] << 16 | (uint64_t)n->child[2] << 32;
}

/** NULL, or what is wrong with the page with this number: in itself, and with
 * where it leads in a file of @pages. @kind is PAGE_BRANCH or PAGE_LEAF. */
const char *page_wrong(const struct page *page, uint64_t number, unsigned kind, size_t page_bytes,
                       uint64_t pages);

/** Looks at the trees of the last commit: at all pages, or without @leaves only
 * at those that lead to others and at the small tables. @txn reads; it is
 * renewed if another process has committed since it began. The file is read, not
 * the map: what cannot be read is an error, not a signal.
 * Returns 0, or -1 with a line in @error. */
int pages_check(struct lmdb_store *store, MDB_txn *txn, bool leaves, char error[STORE_ERROR_MAX]);

#endif
