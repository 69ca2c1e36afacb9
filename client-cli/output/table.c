#include "table.h"

#include "base/buf.h"
#include "text.h"

#define GAP 2 /* spaces between columns */

static int natural_width(const struct table_column *c, size_t column, const char *const *cells,
                         size_t nrows, size_t ncolumns)
{
    int width = text_width(c->heading);
    if (width < c->least)
        width = c->least;
    for (size_t row = 0; row < nrows; row++) {
        int w = text_width(cells[row * ncolumns + column]);
        if (w > width)
            width = w;
    }
    return c->most > 0 && width > c->most ? c->most : width;
}

static int total_width(const struct text_table *t)
{
    int total = GAP * ((int)t->ncolumns - 1);
    for (size_t i = 0; i < t->ncolumns; i++)
        total += t->width[i];
    return total;
}

/* Narrows the widest column, one step at a time, until the line fits; no
 * column goes below the space for one character and the dots. */
static void narrow(struct text_table *t, int line_columns)
{
    for (int excess = total_width(t) - line_columns; excess > 0; excess--) {
        size_t widest = 0;
        for (size_t i = 1; i < t->ncolumns; i++) {
            if (t->width[i] > t->width[widest])
                widest = i;
        }
        if (t->width[widest] <= 2)
            return;
        t->width[widest]--;
    }
}

/* Hands out what is left over, so that later, longer rows have space too. */
static void widen(struct text_table *t, int line_columns)
{
    int shares = 0, spare = line_columns - total_width(t);
    for (size_t i = 0; i < t->ncolumns; i++)
        shares += t->columns[i].share;
    for (size_t i = 0; i < t->ncolumns && spare > 0 && shares > 0; i++)
        t->width[i] += spare * t->columns[i].share / shares;
}

void table_layout(struct text_table *t, const struct table_column *columns, size_t ncolumns,
                  const char *const *cells, size_t nrows, int line_columns)
{
    t->columns = columns;
    t->ncolumns = ncolumns;
    for (size_t i = 0; i < ncolumns; i++)
        t->width[i] = natural_width(&columns[i], i, cells, nrows, ncolumns);
    if (total_width(t) > line_columns)
        narrow(t, line_columns);
    else
        widen(t, line_columns);
}

static bool put_cell(const struct text_table *t, struct buf *b, size_t i, const char *text)
{
    bool last = i + 1 == t->ncolumns;
    int used = text_width(text);
    int spare = t->width[i] - (used < t->width[i] ? used : t->width[i]);
    if (t->columns[i].right && !text_pad(b, spare))
        return false;
    int put = text_put(b, text, t->width[i]);
    if (put < 0)
        return false;
    if (last)
        return true; /* no spaces at the end of a line */
    /* A wide character that was cut may leave one column more than computed. */
    return text_pad(b, (t->columns[i].right ? 0 : t->width[i] - put) + GAP);
}

static bool put_cells(const struct text_table *t, struct buf *b, const char *const *cells)
{
    for (size_t i = 0; i < t->ncolumns; i++) {
        if (!put_cell(t, b, i, cells[i]))
            return false;
    }
    return true;
}

bool table_put_row(const struct text_table *t, struct buf *b, const char *const *cells)
{
    return put_cells(t, b, cells) && buf_append(b, bytes_of_text("\n"));
}

bool table_put_faint_row(const struct text_table *t, struct buf *b, const char *const *cells)
{
    return buf_append(b, bytes_of_text("\033[2m")) && put_cells(t, b, cells) &&
           buf_append(b, bytes_of_text("\033[0m\n"));
}

bool table_put_heading(const struct text_table *t, struct buf *b, bool bold)
{
    const char *headings[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < t->ncolumns; i++)
        headings[i] = t->columns[i].heading;
    return buf_append(b, bytes_of_text(bold ? "\033[1m" : "")) && put_cells(t, b, headings) &&
           buf_append(b, bytes_of_text(bold ? "\033[0m\n" : "\n"));
}
