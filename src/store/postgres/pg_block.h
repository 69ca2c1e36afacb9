/* What a statement of reading brought: rows of one state of the database. Those who read parts
 * of it share it. */
#ifndef PG_BLOCK_H
#define PG_BLOCK_H

#include "pg_store.h"
#include "pg_values.h"

/* A record, or a change. */
struct pg_row {
    struct position at;
    struct bytes value; /* data NULL: it is not small, or a change that was overtaken */
};

/* What the rows of ids and changes have besides. */
struct pg_more {
    struct bytes id;
    uint64_t revision, time_ms;
    enum change_kind kind;
    bool is_there;       /* ids: there is such a record. A change: the id is, */
    struct position now; /* there */
};

/* A group's id by its ordinal. */
struct pg_named {
    uint32_t ordinal;
    struct bytes id;
};

struct pg_block {
    unsigned refs;
    struct pg_row *rows;  /* by place; of ids as they were asked for; of changes by revision */
    struct pg_more *more; /* NULL: of records and groups */
    size_t nrows;
    struct pg_named *groups; /* by ordinal */
    size_t ngroups;
    bool whole;                              /* none was left out because of its size */
    uint64_t total_groups, revision, oldest; /* of changes; oldest: of the log; 0: it is empty */
    size_t size;                             /* in bytes, */
    size_t *held;                            /* which are counted here; NULL: nowhere */
    void *bytes;                             /* that all of them point to */
};

/** What so many records take here. */
static inline size_t pg_block_bytes(size_t nrows, size_t nbytes)
{
    return nrows * sizeof(struct pg_row) + nbytes;
}

/* Each copies what a statement of pg_sql.h brought. The caller has one reference to *ret. 0, or
 * -1: out of memory. */

/** Of RECORDS, LARGE and BATCH: up to the row that makes it PG_BLOCK_BYTES large, what a row
 * takes here included. A row of BATCH
 * that stands for a group without records has the sequence 0. */
int pg_block_of_records(struct pg_block **ret, const PGresult *result);
int pg_block_of_ids(struct pg_block **ret, const PGresult *result);
int pg_block_of_changes(struct pg_block **ret, const PGresult *result);

/** Of GROUPS, behind what @before (NULL: none) has from ordinal @from on, and before @until. */
int pg_block_of_groups(struct pg_block **ret, const PGresult *result, const struct pg_block *before,
                       uint32_t from, uint32_t until);

struct pg_block *pg_block_ref(struct pg_block *block); /* either is fine with NULL */
void pg_block_unref(struct pg_block *block);

/** Counts its bytes in *@held for as long as it is there. */
void pg_block_count(struct pg_block *block, size_t *held);

/** NULL: it has none; @block NULL is fine. */
const struct pg_named *pg_block_find_group(const struct pg_block *block, uint32_t ordinal);
const struct pg_named *pg_block_find_group_id(const struct pg_block *block, struct bytes id);

#endif
