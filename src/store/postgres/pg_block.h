/* What was fetched for one need: rows of one statement, which are of one state of the
 * database. */
#ifndef PG_BLOCK_H
#define PG_BLOCK_H

#include "pg_store.h"
#include "pg_values.h"

/* A record, or a change. */
struct pg_row {
    struct position at;
    struct bytes id, value; /* value.data NULL: a change that was overtaken */
    uint64_t revision, time_ms;
    enum change_kind kind;
    bool is_there;       /* a change: the id is, */
    struct position now; /* there */
};

struct pg_named {
    uint32_t ordinal;
    struct bytes id;
};

struct pg_block {
    struct pg_row *rows; /* by place; of NEED_IDS by id; of changes by revision */
    size_t nrows;
    struct pg_named *groups; /* by ordinal */
    size_t ngroups;
    bool whole; /* there is no row after these */
    uint64_t count, total_groups, revision;
    uint64_t oldest; /* of NEED_CHANGES: the first revision of the log; 0: it is empty */
    void *bytes;     /* that all of them point to */
};

/** Copies what the statement of pg_sql.h for a need of this kind brought, which stops after
 * @most rows. 0, or -1: out of memory. */
int pg_block_read(struct pg_block *b, enum need_kind kind, size_t most, const PGresult *result);
void pg_block_free(struct pg_block *b);

/** NULL: it has none. */
const struct pg_row *pg_block_find_id(const struct pg_block *b, struct bytes id);
const struct pg_named *pg_block_find_group(const struct pg_block *b, uint32_t ordinal);
const struct pg_named *pg_block_find_group_id(const struct pg_block *b, struct bytes id);

#endif
