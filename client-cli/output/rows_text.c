/* Rows as text: in columns, expanded, or as CSV. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "csv.h"
#include "expanded.h"
#include "rows_internal.h"
#include "terminal.h"

/* No more rows than these decide the widths of a table. */
#define SAMPLE_ROWS 64

/* --- In columns --------------------------------------------------------------------- */

/* Those that were asked for by name stay, however short the line is. */
static void make_columns(struct rows *r)
{
    const struct row_choice *c = &r->look.choice;
    for (size_t i = 0; i < c->n; i++) {
        r->columns[i] = r->kind->fields[c->field[i]].column;
        if (c->named)
            r->columns[i].drop = 0;
    }
}

static void layout(struct rows *r, const char *const *cells, size_t n)
{
    const size_t ncolumns = r->look.choice.n;
    const bool fits = table_fits(r->columns, ncolumns, cells, n, r->line_columns);
    if (r->look.format == FORMAT_WIDE)
        table_layout_whole(&r->table, r->columns, ncolumns, cells, n);
    else if (r->look.expanded == EXPANDED_AUTO && !fits)
        rows_use(r, FORMAT_EXPANDED);
    else
        table_layout(&r->table, r->columns, ncolumns, cells, n, r->line_columns);
}

bool rows_table_begin(struct rows *r, const void *const *records, size_t n)
{
    const size_t ncolumns = r->look.choice.n;
    if (n > SAMPLE_ROWS)
        n = SAMPLE_ROWS;
    const char **cells = calloc(n * ncolumns + 1, sizeof *cells);
    struct row_scratch *scratch = calloc(n + 1, sizeof *scratch);
    bool ok = cells != NULL && scratch != NULL;
    for (size_t i = 0; i < n && ok; i++)
        ok = rows_cells(r, records[i], &scratch[i], cells + i * ncolumns);
    if (ok) {
        make_columns(r);
        layout(r, cells, n);
        ok = r->look.format == FORMAT_EXPANDED ||
             table_put_heading(&r->table, output_buf(r->out), r->colours);
    }
    for (size_t i = 0; scratch != NULL && i < n; i++)
        row_scratch_close(&scratch[i]);
    free(cells);
    free(scratch);
    return ok;
}

bool rows_table_add(struct rows *r, const void *const *records, size_t n)
{
    const char *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < n; i++)
        if (!rows_cells(r, records[i], &r->scratch, cells) ||
            !table_put_row(&r->table, output_buf(r->out), cells))
            return false;
    return true;
}

/* "(deleted)" stands in the widest column, if the id does not. */
bool rows_table_add_gone(struct rows *r, const char *id)
{
    const struct row_choice *c = &r->look.choice;
    const char *cells[TABLE_COLUMNS_MAX];
    size_t widest = c->n;
    for (size_t i = 0; i < c->n; i++) {
        cells[i] = c->field[i] == 0 ? id : "-";
        if (c->field[i] != 0 && (widest == c->n || r->table.width[i] > r->table.width[widest]))
            widest = i;
    }
    if (widest < c->n)
        cells[widest] = "(deleted)";
    struct buf *b = output_buf(r->out);
    return r->colours ? table_put_faint_row(&r->table, b, cells)
                      : table_put_row(&r->table, b, cells);
}

/* --- Expanded ----------------------------------------------------------------------- */

static struct expanded blocks(const struct rows *r)
{
    return (struct expanded){
        .line_columns = r->line_columns,
        .wraps = r->terminal,
        .colours = r->colours,
    };
}

bool rows_expanded_add(struct rows *r, const void *const *records, size_t n)
{
    const struct row_choice *c = &r->look.choice;
    const struct expanded e = blocks(r);
    const char *labels[TABLE_COLUMNS_MAX], *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < c->n; i++)
        labels[i] = r->kind->fields[c->field[i]].name;
    for (size_t i = 0; i < n; i++)
        if (!rows_cells(r, records[i], &r->scratch, cells) ||
            !expanded_put(&e, output_buf(r->out), r->count + i + 1, labels, cells, c->n))
            return false;
    return true;
}

bool rows_expanded_add_gone(struct rows *r, const char *id)
{
    const struct expanded e = blocks(r);
    return expanded_put(&e, output_buf(r->out), 0, &r->kind->fields[0].name, &id, 1);
}

/* --- CSV ---------------------------------------------------------------------------- */

bool rows_csv_add(struct rows *r, const void *const *records, size_t n)
{
    const struct row_choice *c = &r->look.choice;
    struct buf *b = output_buf(r->out);
    const char *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < c->n; i++)
        cells[i] = r->kind->fields[c->field[i]].name;
    if (!r->begun && !csv_put(b, cells, c->n, r->terminal))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!rows_cells(r, records[i], &r->scratch, cells) || !csv_put(b, cells, c->n, r->terminal))
            return false;
    return true;
}
