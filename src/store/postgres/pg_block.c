#include "pg_block.h"

#include <stdlib.h>

#include "pg_sql.h"

static size_t count_bytes(const PGresult *r)
{
    size_t n = 1;
    for (int i = 0; i < PQntuples(r); i++)
        n += (size_t)PQgetlength(r, i, PG_ID) + (size_t)PQgetlength(r, i, PG_VALUE);
    return n;
}

static struct bytes keep(const PGresult *r, int row, int column, uint8_t **to)
{
    const struct bytes b = pg_bytes_at(r, row, column);
    const struct bytes kept = bytes_of(PQgetisnull(r, row, column) ? NULL : *to, b.len);
    if (b.len > 0)
        memcpy(*to, b.data, b.len);
    *to += b.len;
    return kept;
}

static struct position place_at(const PGresult *r, int row, int column)
{
    return (struct position){ (uint32_t)pg_number_at(r, row, column),
                              pg_number_at(r, row, column + 1) };
}

static void read_row(struct pg_block *b, const PGresult *r, int i, uint8_t **to)
{
    struct pg_row *row = &b->rows[b->nrows++];
    *row = (struct pg_row){ .at = place_at(r, i, PG_GRP), .id = keep(r, i, PG_ID, to) };
    row->value = keep(r, i, PG_VALUE, to);
    if (PQnfields(r) <= PG_REVISION)
        return;
    row->revision = pg_number_at(r, i, PG_REVISION);
    row->time_ms = pg_number_at(r, i, PG_TIME_MS);
    row->kind = pg_number_at(r, i, PG_KIND) == 0 ? CHANGE_PUT : CHANGE_DELETE;
    row->is_there = !PQgetisnull(r, i, PG_NOW_GRP);
    row->now = place_at(r, i, PG_NOW_GRP);
}

static void read_any(struct pg_block *b, enum need_kind kind, const PGresult *r, int i,
                     uint8_t **to)
{
    const uint64_t number = pg_number_at(r, i, PG_GRP);
    switch ((enum pg_what)pg_number_at(r, i, PG_WHAT)) {
    case PG_ROW:
        read_row(b, r, i, to);
        break;
    case PG_GROUP:
        b->groups[b->ngroups++] = (struct pg_named){ (uint32_t)number, keep(r, i, PG_ID, to) };
        break;
    case PG_STORE:
        b->total_groups = number;
        b->revision = pg_number_at(r, i, PG_SEQ);
        break;
    case PG_LOG:
        *(kind == NEED_CHANGES ? &b->oldest : &b->count) = number;
        break;
    }
}

/* The limits of the statement: a block that has reached neither has all. */
static bool is_whole(const struct pg_block *b, size_t most)
{
    size_t bytes = 0;
    for (size_t i = 0; i < b->nrows; i++)
        bytes += b->rows[i].value.len;
    return b->nrows < most && bytes < PG_BLOCK_BYTES;
}

/* Where there are more groups between and ahead than a block takes, it ends with the last
 * record all of whose groups it has. */
static void cut(struct pg_block *b)
{
    if (b->ngroups < PG_BLOCK_GROUPS)
        return;
    const uint32_t last = b->groups[b->ngroups - 1].ordinal - NEED_GROUPS_AHEAD;
    while (b->nrows > 1 && b->rows[b->nrows - 1].at.group > last) {
        b->nrows--;
        b->whole = false;
    }
}

/* What was committed up to the last change that it has, as far as it shows. */
static void limit_groups(struct pg_block *b)
{
    if (!b->whole && b->ngroups > 0)
        b->total_groups = b->groups[b->ngroups - 1].ordinal + 1;
}

int pg_block_read(struct pg_block *b, enum need_kind kind, size_t most, const PGresult *r)
{
    const size_t n = (size_t)PQntuples(r) + 1;
    *b = (struct pg_block){ .rows = malloc(n * sizeof *b->rows),
                            .groups = malloc(n * sizeof *b->groups),
                            .bytes = malloc(count_bytes(r)) };
    if (b->rows == NULL || b->groups == NULL || b->bytes == NULL) {
        pg_block_free(b);
        return -1;
    }
    uint8_t *to = b->bytes;
    for (int i = 0; i < PQntuples(r); i++)
        read_any(b, kind, r, i, &to);
    b->whole = kind == NEED_IDS || is_whole(b, most);
    if (kind == NEED_RECORDS)
        cut(b);
    if (kind == NEED_CHANGES)
        limit_groups(b);
    return 0;
}

void pg_block_free(struct pg_block *b)
{
    free(b->rows);
    free(b->groups);
    free(b->bytes);
    *b = (struct pg_block){ 0 };
}

/* --- Finding ------------------------------------------------------------------------ */

/* As the database orders them. */
static int compare(struct bytes a, struct bytes b)
{
    const size_t least = a.len < b.len ? a.len : b.len;
    const int rv = least > 0 ? memcmp(a.data, b.data, least) : 0;
    return rv != 0 ? rv : (a.len > b.len) - (a.len < b.len);
}

const struct pg_row *pg_block_find_id(const struct pg_block *b, struct bytes id)
{
    size_t from = 0, to = b->nrows;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int rv = compare(b->rows[middle].id, id);
        if (rv == 0)
            return &b->rows[middle];
        if (rv < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct pg_named *pg_block_find_group(const struct pg_block *b, uint32_t ordinal)
{
    size_t from = 0, to = b->ngroups;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        if (b->groups[middle].ordinal == ordinal)
            return &b->groups[middle];
        if (b->groups[middle].ordinal < ordinal)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct pg_named *pg_block_find_group_id(const struct pg_block *b, struct bytes id)
{
    for (size_t i = 0; i < b->ngroups; i++)
        if (bytes_equal(b->groups[i].id, id))
            return &b->groups[i];
    return NULL;
}
