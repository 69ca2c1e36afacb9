#include "pg_block.h"

#include <stdlib.h>

#include "pg_sql.h"

/* --- Life --------------------------------------------------------------------------- */

/* Room for so many of each. NULL: out of memory. */
static struct pg_block *block_new(size_t nrows, bool more, size_t ngroups, size_t nbytes)
{
    struct pg_block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->refs = 1;
    b->rows = malloc((nrows + 1) * sizeof *b->rows);
    b->more = more ? malloc((nrows + 1) * sizeof *b->more) : NULL;
    b->groups = malloc((ngroups + 1) * sizeof *b->groups);
    b->bytes = malloc(nbytes + 1);
    b->size = nrows * (sizeof *b->rows + (more ? sizeof *b->more : 0)) +
              ngroups * sizeof *b->groups + nbytes;
    if (b->rows != NULL && b->bytes != NULL && b->groups != NULL && (b->more != NULL || !more))
        return b;
    pg_block_unref(b);
    return NULL;
}

struct pg_block *pg_block_ref(struct pg_block *b)
{
    if (b != NULL)
        b->refs++;
    return b;
}

void pg_block_unref(struct pg_block *b)
{
    if (b == NULL || --b->refs > 0)
        return;
    if (b->held != NULL)
        *b->held -= b->size;
    free(b->rows);
    free(b->more);
    free(b->groups);
    free(b->bytes);
    free(b);
}

void pg_block_count(struct pg_block *b, size_t *held)
{
    b->held = held;
    *held += b->size;
}

/* --- Values ------------------------------------------------------------------------- */

static size_t length_at(const PGresult *r, int row, int column)
{
    return (size_t)PQgetlength(r, row, column);
}

static struct bytes keep(struct bytes b, uint8_t **to)
{
    const struct bytes kept = bytes_of(*to, b.len);
    if (b.len > 0)
        memcpy(*to, b.data, b.len);
    *to += b.len;
    return kept;
}

static struct bytes keep_at(const PGresult *r, int row, int column, uint8_t **to)
{
    if (PQgetisnull(r, row, column))
        return bytes_of(NULL, 0);
    return keep(pg_bytes_at(r, row, column), to);
}

static struct position place_at(const PGresult *r, int row, int column)
{
    return (struct position){ (uint32_t)pg_number_at(r, row, column),
                              pg_number_at(r, row, column + 1) };
}

/* --- Records ------------------------------------------------------------------------ */

int pg_block_of_records(struct pg_block **ret, const PGresult *r)
{
    size_t n = 0, nbytes = 0;
    while (n < (size_t)PQntuples(r) && pg_block_bytes(n, nbytes) < PG_BLOCK_BYTES)
        nbytes += length_at(r, (int)n++, PG_VALUE);
    struct pg_block *b = *ret = block_new(n, false, 0, nbytes);
    if (b == NULL)
        return -1;
    uint8_t *to = b->bytes;
    for (b->nrows = 0; b->nrows < n; b->nrows++)
        b->rows[b->nrows] = (struct pg_row){ place_at(r, (int)b->nrows, PG_GRP),
                                             keep_at(r, (int)b->nrows, PG_VALUE, &to) };
    b->whole = n == (size_t)PQntuples(r) && pg_block_bytes(n, nbytes) < PG_BLOCK_BYTES;
    return 0;
}

int pg_block_of_ids(struct pg_block **ret, const PGresult *r)
{
    const int n = PQntuples(r);
    size_t nbytes = 0, values = 0;
    for (int i = 0; i < n; i++) {
        values += length_at(r, i, PG_VALUE);
        nbytes += length_at(r, i, PG_ID);
    }
    struct pg_block *b = *ret = block_new((size_t)n, true, 0, nbytes + values);
    if (b == NULL)
        return -1;
    uint8_t *to = b->bytes;
    for (int i = 0; i < n; i++, b->nrows++) {
        b->rows[i] = (struct pg_row){ place_at(r, i, PG_GRP), keep_at(r, i, PG_VALUE, &to) };
        b->more[i] = (struct pg_more){ .id = keep_at(r, i, PG_ID, &to),
                                       .is_there = !PQgetisnull(r, i, PG_SEQ) };
    }
    b->whole = values < PG_IDS_BYTES;
    return 0;
}

/* --- Changes ------------------------------------------------------------------------ */

static void read_change(struct pg_block *b, const PGresult *r, int i, uint8_t **to)
{
    struct pg_more *more = &b->more[b->nrows];
    struct pg_row *row = &b->rows[b->nrows++];
    *more = (struct pg_more){ .id = keep_at(r, i, PG_CHANGE_ID, to),
                              .revision = pg_number_at(r, i, PG_CHANGE_REVISION),
                              .time_ms = pg_number_at(r, i, PG_CHANGE_TIME_MS),
                              .is_there = !PQgetisnull(r, i, PG_CHANGE_NOW_GRP),
                              .now = place_at(r, i, PG_CHANGE_NOW_GRP) };
    more->kind = pg_number_at(r, i, PG_CHANGE_KIND) == 0 ? CHANGE_PUT : CHANGE_DELETE;
    *row = (struct pg_row){ place_at(r, i, PG_CHANGE_GRP), keep_at(r, i, PG_CHANGE_VALUE, to) };
}

static void read_any(struct pg_block *b, const PGresult *r, int i, uint8_t **to)
{
    const uint64_t number = pg_number_at(r, i, PG_CHANGE_GRP);
    switch ((enum pg_what)pg_number_at(r, i, PG_CHANGE_WHAT)) {
    case PG_CHANGE:
        read_change(b, r, i, to);
        break;
    case PG_GROUP:
        b->groups[b->ngroups++] =
            (struct pg_named){ (uint32_t)number, keep_at(r, i, PG_CHANGE_ID, to) };
        break;
    case PG_STORE:
        b->total_groups = number;
        b->revision = pg_number_at(r, i, PG_CHANGE_SEQ);
        break;
    case PG_LOG:
        b->oldest = number;
        break;
    }
}

/* What was committed up to the last change that it has, as far as it shows. */
static void limit_groups(struct pg_block *b)
{
    if (!b->whole && b->ngroups > 0)
        b->total_groups = b->groups[b->ngroups - 1].ordinal + 1;
}

int pg_block_of_changes(struct pg_block **ret, const PGresult *r)
{
    const int n = PQntuples(r);
    size_t nbytes = 0, values = 0;
    for (int i = 0; i < n; i++) {
        values += length_at(r, i, PG_CHANGE_VALUE);
        nbytes += length_at(r, i, PG_CHANGE_ID);
    }
    struct pg_block *b = *ret = block_new((size_t)n, true, (size_t)n, nbytes + values);
    if (b == NULL)
        return -1;
    uint8_t *to = b->bytes;
    for (int i = 0; i < n; i++)
        read_any(b, r, i, &to);
    b->whole = b->nrows < PG_CHANGES_ROWS && values < PG_CHANGES_BYTES;
    limit_groups(b);
    return 0;
}

/* --- Groups ------------------------------------------------------------------------- */

static const struct pg_named no_groups[1];

int pg_block_of_groups(struct pg_block **ret, const PGresult *r, const struct pg_block *before,
                       uint32_t from, uint32_t until)
{
    const size_t had = before != NULL ? before->ngroups : 0, n = (size_t)PQntuples(r);
    const struct pg_named *old = had > 0 ? before->groups : no_groups, *end = old + had;
    size_t nbytes = 0;
    while (old < end && old->ordinal < from)
        old++;
    while (old < end && end[-1].ordinal >= until)
        end--;
    for (const struct pg_named *g = old; g < end; g++)
        nbytes += g->id.len;
    for (size_t i = 0; i < n; i++)
        nbytes += length_at(r, (int)i, 1);
    struct pg_block *b = *ret = block_new(0, false, (size_t)(end - old) + n, nbytes);
    if (b == NULL)
        return -1;
    uint8_t *to = b->bytes;
    for (; old < end; old++)
        b->groups[b->ngroups++] = (struct pg_named){ old->ordinal, keep(old->id, &to) };
    for (size_t i = 0; i < n; i++)
        b->groups[b->ngroups++] =
            (struct pg_named){ (uint32_t)pg_number_at(r, (int)i, 0), keep_at(r, (int)i, 1, &to) };
    return 0;
}

const struct pg_named *pg_block_find_group(const struct pg_block *b, uint32_t ordinal)
{
    size_t from = 0, to = b != NULL ? b->ngroups : 0;
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
    for (size_t i = 0; b != NULL && i < b->ngroups; i++)
        if (bytes_equal(b->groups[i].id, id))
            return &b->groups[i];
    return NULL;
}
