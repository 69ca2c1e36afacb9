#include "rows.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "json_paint.h"
#include "json_write.h"
#include "rows_internal.h"
#include "terminal.h"
#include "text.h"

#define INDENT 2 /* of JSON on a terminal */

/* --- Which fields ------------------------------------------------------------------- */

static enum row_place place_of(enum format format)
{
    switch (format) {
    case FORMAT_TABLE:
        return IN_TABLE;
    case FORMAT_WIDE:
        return IN_WIDE;
    default:
        return IN_FULL;
    }
}

void rows_use(struct rows *r, enum format format)
{
    const unsigned place = (unsigned)place_of(format);
    struct row_choice *c = &r->look.choice;
    r->look.format = format;
    if (c->named)
        return;
    c->n = 0;
    for (size_t i = 0; i < r->kind->nfields; i++)
        if ((r->kind->fields[i].in & place) != 0)
            c->field[c->n++] = i;
}

void rows_init(struct rows *r, const struct row_kind *kind, const struct rows_look *look,
               struct output *out)
{
    *r = (struct rows){
        .kind = kind,
        .look = *look,
        .out = out,
        .terminal = terminal_is_one(),
        .colours = terminal_colours(),
        .line_columns = terminal_columns(),
    };
    const bool expanded = look->format == FORMAT_TABLE && look->expanded == EXPANDED_ALWAYS;
    rows_use(r, expanded ? FORMAT_EXPANDED : look->format);
}

void row_scratch_close(struct row_scratch *scratch)
{
    buf_unref(scratch->list);
    scratch->list = NULL;
}

void rows_close(struct rows *r)
{
    row_scratch_close(&r->scratch);
    buf_unref(r->plain);
    r->plain = NULL;
}

bool rows_cells(const struct rows *r, const void *record, struct row_scratch *scratch,
                const char **ret_cells)
{
    const char *all[TABLE_COLUMNS_MAX];
    const struct row_choice *c = &r->look.choice;
    if (!r->kind->cells(record, scratch, all))
        return false;
    for (size_t i = 0; i < c->n; i++)
        ret_cells[i] = all[c->field[i]];
    return true;
}

/* --- JSON --------------------------------------------------------------------------- */

static bool put_chosen(const struct rows *r, struct buf *b, const void *record)
{
    const struct row_choice *c = &r->look.choice;
    bool ok = json_write_literal(b, "{");
    for (size_t i = 0; i < c->n && ok; i++)
        ok = (i == 0 || json_write_literal(b, ",")) &&
             json_write_text(b, bytes_of_text(r->kind->fields[c->field[i]].name)) &&
             json_write_literal(b, ":") && r->kind->json_field(b, record, c->field[i]);
    return ok && json_write_literal(b, "}\n");
}

static bool put_gone(const struct rows *r, struct buf *b, const char *id)
{
    return json_write_literal(b, "{") && json_write_text(b, bytes_of_text(r->kind->gone_id)) &&
           json_write_literal(b, ":") && json_write_text(b, bytes_of_text(id)) &&
           json_write_literal(b, "}\n");
}

/* A record, or the id of one that is @gone, with a newline behind. */
static bool put_plain(const struct rows *r, struct buf *b, const void *record, bool gone)
{
    if (gone)
        return put_gone(r, b, record);
    return r->look.choice.named ? put_chosen(r, b, record) : r->kind->json(b, record);
}

/* The same as people like to read it. */
static bool put_painted(struct rows *r, struct buf *b, const void *record, bool gone)
{
    const bool array = r->look.format == FORMAT_JSON;
    const struct json_paint paint = {
        .indent = array && r->terminal ? INDENT : 0,
        .depth = array && r->terminal,
        .colours = r->colours,
    };
    if (r->plain == NULL && (r->plain = buf_new(1024)) == NULL)
        return false;
    r->plain->len = 0;
    return put_plain(r, r->plain, record, gone) && json_paint(b, buf_bytes(r->plain), &paint);
}

static bool put_json(struct rows *r, const void *record, bool gone)
{
    struct buf *b = output_buf(r->out);
    const bool array = r->look.format == FORMAT_JSON;
    const bool paint = r->colours || (array && r->terminal);
    if (array && !buf_append(b, bytes_of_text(r->begun ? ",\n" : "[\n")))
        return false;
    if (!(paint ? put_painted(r, b, record, gone) : put_plain(r, b, record, gone)))
        return false;
    b->len -= array; /* the newline: it comes behind the comma */
    r->begun = true;
    return true;
}

static bool json_add(struct rows *r, const void *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!put_json(r, records[i], false))
            return false;
    return true;
}

static bool json_add_gone(struct rows *r, const char *id)
{
    return put_json(r, id, true);
}

/* --- All of them -------------------------------------------------------------------- */

static const struct {
    bool (*add)(struct rows *r, const void *const *records, size_t n);
    bool (*add_gone)(struct rows *r, const char *id);
} forms[] = {
    [FORMAT_TABLE] = { rows_table_add, rows_table_add_gone },
    [FORMAT_WIDE] = { rows_table_add, rows_table_add_gone },
    [FORMAT_EXPANDED] = { rows_expanded_add, rows_expanded_add_gone },
    [FORMAT_CSV] = { rows_csv_add, NULL }, /* who would hear of those is refused CSV */
    [FORMAT_NDJSON] = { json_add, json_add_gone },
    [FORMAT_JSON] = { json_add, json_add_gone },
};

bool rows_are_table(const struct rows *r)
{
    const enum format format = r->look.format;
    return format == FORMAT_TABLE || format == FORMAT_WIDE || format == FORMAT_EXPANDED;
}

/* Before the first row. @n: of the records that come first. */
static bool begin(struct rows *r, const void *const *records, size_t n)
{
    const bool columns = r->look.format == FORMAT_TABLE || r->look.format == FORMAT_WIDE;
    return r->begun || !columns || rows_table_begin(r, records, n);
}

bool rows_add(struct rows *r, const void *const *records, size_t n)
{
    if (n == 0 || r->look.format == FORMAT_NONE)
        return true;
    const bool ok = begin(r, records, n) && forms[r->look.format].add(r, records, n);
    r->begun = true;
    r->count += n;
    output_commit(r->out);
    return ok;
}

bool rows_add_gone(struct rows *r, const char *const *ids, size_t n)
{
    if (n == 0 || r->look.format == FORMAT_NONE)
        return true;
    bool ok = begin(r, NULL, 0);
    for (size_t i = 0; i < n && ok; i++)
        ok = forms[r->look.format].add_gone(r, ids[i]);
    r->begun = true;
    output_commit(r->out);
    return ok;
}

void rows_end(struct rows *r)
{
    if (r->look.format != FORMAT_JSON)
        return;
    buf_append(output_buf(r->out), bytes_of_text(r->begun ? "\n]\n" : "[]\n"));
    output_commit(r->out);
}

/* Out of memory leaves it out. */
void rows_put_count(struct rows *r, uint64_t total, bool cut)
{
    char line[128], number[32], of[48] = "";
    if (!r->terminal || !rows_are_table(r) || r->count == 0)
        return;
    const bool known = total >= r->count;
    if (cut && known)
        snprintf(of, sizeof of, " of %s", text_number(number, total));
    snprintf(line, sizeof line, "(%s%s row%s%s)\n", text_number(number, r->count), of,
             (cut && known ? total : r->count) == 1 ? "" : "s",
             cut && !known ? "; --limit left out the rest" : "");
    buf_append(output_buf(r->out), bytes_of_text(line));
    output_commit(r->out);
}
