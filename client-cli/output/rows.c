#include "rows.h"

#include <stdlib.h>

#include "base/buf.h"
#include "terminal.h"

/* No more rows than these decide the widths of a table. */
#define SAMPLE_ROWS 64

void rows_init(struct rows *r, const struct row_kind *kind, enum format format, struct output *out)
{
    *r = (struct rows){ .kind = kind, .format = format, .out = out };
}

/* @kind is that of the rows, or that of those which are gone. */
static bool begin_table(struct rows *r, const struct row_kind *kind, const void *const *records,
                        size_t n)
{
    size_t ncolumns = r->kind->ncolumns;
    if (n > SAMPLE_ROWS)
        n = SAMPLE_ROWS;
    const char **cells = calloc(n * ncolumns, sizeof *cells);
    struct row_scratch *scratch = calloc(n, sizeof *scratch);
    bool ok = cells != NULL && scratch != NULL;
    if (ok) {
        for (size_t i = 0; i < n; i++)
            kind->cells(records[i], &scratch[i], cells + i * ncolumns);
        table_layout(&r->table, r->kind->columns, ncolumns, cells, n, terminal_columns());
        ok = table_put_heading(&r->table, output_buf(r->out), terminal_colours());
    }
    free(cells);
    free(scratch);
    return ok;
}

static bool put_table_row(struct rows *r, const struct row_kind *kind, const char *const *cells)
{
    const bool faint = kind != r->kind && terminal_colours();
    return faint ? table_put_faint_row(&r->table, output_buf(r->out), cells)
                 : table_put_row(&r->table, output_buf(r->out), cells);
}

static bool add_table(struct rows *r, const struct row_kind *kind, const void *const *records,
                      size_t n)
{
    if (!r->begun && !begin_table(r, kind, records, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *cells[TABLE_COLUMNS_MAX];
        struct row_scratch scratch;
        kind->cells(records[i], &scratch, cells);
        if (!put_table_row(r, kind, cells))
            return false;
    }
    return true;
}

static bool add_json(struct rows *r, const struct row_kind *kind, const void *const *records,
                     size_t n)
{
    struct buf *b = output_buf(r->out);
    for (size_t i = 0; i < n; i++) {
        bool first = !r->begun && i == 0;
        if (!buf_append(b, bytes_of_text(first ? "[\n" : ",\n")) || !kind->json(b, records[i]))
            return false;
        b->len--; /* the newline: it comes behind the comma */
    }
    return true;
}

static bool add_ndjson(struct rows *r, const struct row_kind *kind, const void *const *records,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!kind->json(output_buf(r->out), records[i]))
            return false;
    }
    return true;
}

static bool add(struct rows *r, const struct row_kind *kind, const void *const *records, size_t n)
{
    static bool (*const add_as[])(struct rows *, const struct row_kind *, const void *const *,
                                  size_t) = {
        [FORMAT_TABLE] = add_table,
        [FORMAT_NDJSON] = add_ndjson,
        [FORMAT_JSON] = add_json,
    };
    if (n == 0 || r->format == FORMAT_NONE)
        return true;
    bool ok = add_as[r->format](r, kind, records, n);
    r->begun = true;
    output_commit(r->out);
    return ok;
}

bool rows_add(struct rows *r, const void *const *records, size_t n)
{
    return add(r, r->kind, records, n);
}

bool rows_add_gone(struct rows *r, const char *const *ids, size_t n)
{
    return add(r, r->kind->gone, (const void *const *)ids, n);
}

void rows_end(struct rows *r)
{
    if (r->format != FORMAT_JSON)
        return;
    buf_append(output_buf(r->out), bytes_of_text(r->begun ? "\n]\n" : "[]\n"));
    output_commit(r->out);
}
