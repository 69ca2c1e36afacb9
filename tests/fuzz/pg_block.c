/* What a database answers, whose tables somebody may have changed: rows of any lengths, with NULLs
 * and numbers where none should be. Whatever is read of it lies within the block, and no more
 * than there were rows. */
#include <stdlib.h>

#include "fuzz.h"
#include "store/postgres/pg_block.h"
#include "store/postgres/pg_sql.h"

#define COLUMNS  (PG_CHANGE_NOW_SEQ + 1)
#define ROWS_MAX 40

/* A column is a byte: the length of its value; 255: NULL. */
static PGresult *result_of(struct bytes *in)
{
    static char name[] = "";
    PGresAttDesc columns[COLUMNS];
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (PGresAttDesc){ .name = name, .format = 1 };
    PQsetResultAttrs(r, COLUMNS, columns);
    for (int row = 0; row < ROWS_MAX && in->len > 0; row++)
        for (int column = 0; column < COLUMNS; column++) {
            const uint8_t len = fuzz_byte(in);
            const struct bytes value = fuzz_bytes(in, len == 255 ? 0 : len);
            PQsetvalue(r, row, column, (char *)value.data, len == 255 ? -1 : (int)value.len);
        }
    return r;
}

static void is_within(const struct pg_block *b, struct bytes what, size_t *used)
{
    const uint8_t *bytes = b->bytes;
    if (what.data == NULL)
        return;
    cr_assert(what.data >= bytes && what.data + what.len <= bytes + b->size);
    for (size_t i = 0; i < what.len; i++)
        *used += what.data[i] == 0; /* it can be read */
}

static void look_at(struct pg_block *b, int nrows)
{
    size_t zeros = 0;
    cr_assert_leq(b->nrows, (size_t)nrows);
    for (size_t i = 0; i < b->nrows; i++) {
        is_within(b, b->rows[i].value, &zeros);
        if (b->more != NULL)
            is_within(b, b->more[i].id, &zeros);
    }
    for (size_t i = 0; i < b->ngroups; i++) {
        is_within(b, b->groups[i].id, &zeros);
        pg_block_find_group(b, b->groups[i].ordinal);
        cr_assert_not_null(pg_block_find_group_id(b, b->groups[i].id));
    }
    cr_assert_leq(zeros, b->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const readers[])(struct pg_block * *ret,
                                  const PGresult *r) = { pg_block_of_records, pg_block_of_ids,
                                                         pg_block_of_changes };
    struct bytes in = bytes_of(data, size);
    const uint32_t from = fuzz_byte(&in), until = fuzz_byte(&in);
    PGresult *r = result_of(&in);
    struct pg_block *b, *next;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        cr_assert_eq(readers[i](&b, r), 0);
        look_at(b, PQntuples(r));
        cr_assert_eq(pg_block_of_groups(&next, r, b, from, until), 0);
        look_at(next, 0);
        cr_assert_leq(next->ngroups, b->ngroups + (size_t)PQntuples(r));
        pg_block_unref(b);
        pg_block_unref(next);
    }
    PQclear(r);
    return 0;
}
