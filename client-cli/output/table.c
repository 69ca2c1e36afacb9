#include "table.h"

#include "base/buf.h"
#include "text.h"

#define GAP      2 /* spaces between columns */
#define READABLE 8 /* a column of so many can be read */
#define SHORTEST 5 /* a few letters, where an id next to it is long */
#define LEAST    2 /* one character and the dots */

/* Of the heading and of what is in the rows. */
static int content_width(const struct table_column *c, size_t column, const char *const *cells,
                         size_t nrows, size_t ncolumns)
{
    int width = text_width(c->heading);
    for (size_t row = 0; row < nrows; row++) {
        int w = text_width(cells[row * ncolumns + column]);
        if (w > width)
            width = w;
    }
    return width;
}

static int natural_width(const struct table_column *c, size_t column, const char *const *cells,
                         size_t nrows, size_t ncolumns)
{
    int width = content_width(c, column, cells, nrows, ncolumns);
    if (width < c->least)
        width = c->least;
    return c->most > 0 && width > c->most ? c->most : width;
}

/* The columns that are shown and the gaps between them. */
static int total_width(const struct text_table *t)
{
    int total = -GAP;
    for (size_t i = 0; i < t->ncolumns; i++)
        if (t->width[i] > 0)
            total += GAP + t->width[i];
    return total;
}

/* What lines must have room for. One that has no share of the space is whole: an id without its
 * last letter is none. */
static int readable_width(const struct text_table *t)
{
    int total = -GAP;
    for (size_t i = 0; i < t->ncolumns; i++) {
        const bool whole = t->columns[i].share == 0 && t->content[i] > READABLE;
        if (t->width[i] > 0)
            total += GAP + (whole || t->width[i] < READABLE ? t->width[i] : READABLE);
    }
    return total;
}

/* The shown column that goes first; ncolumns: all that are left stay. */
static size_t first_to_go(const struct text_table *t)
{
    size_t first = t->ncolumns;
    for (size_t i = 0; i < t->ncolumns; i++) {
        const int drop = t->columns[i].drop;
        if (t->width[i] > 0 && drop > 0 && (first == t->ncolumns || drop < t->columns[first].drop))
            first = i;
    }
    return first;
}

static void go_without(struct text_table *t, int line_columns)
{
    while (readable_width(t) > line_columns) {
        const size_t first = first_to_go(t);
        if (first == t->ncolumns)
            return;
        t->width[first] = 0;
    }
}

/* The widest of those with a share, or of all. */
static size_t widest(const struct text_table *t, bool of_all)
{
    size_t found = 0;
    int width = 0;
    for (size_t i = 0; i < t->ncolumns; i++) {
        if ((of_all || t->columns[i].share > 0) && t->width[i] > width) {
            width = t->width[i];
            found = i;
        }
    }
    return found;
}

/* Narrows one step at a time, until the line fits or no column has more than @least. */
static void narrow(struct text_table *t, int line_columns, int least, bool of_all)
{
    while (total_width(t) > line_columns) {
        const size_t i = widest(t, of_all);
        if (t->width[i] <= least || (!of_all && t->columns[i].share == 0))
            return;
        t->width[i]--;
    }
}

/* Hands out what is left over, so that later, longer rows have space too. */
static void widen(struct text_table *t, int line_columns)
{
    int shares = 0, spare = line_columns - total_width(t);
    for (size_t i = 0; i < t->ncolumns; i++)
        shares += t->width[i] > 0 ? t->columns[i].share : 0;
    for (size_t i = 0; i < t->ncolumns && spare > 0 && shares > 0; i++)
        if (t->width[i] > 0)
            t->width[i] += spare * t->columns[i].share / shares;
}

void table_layout(struct text_table *t, const struct table_column *columns, size_t ncolumns,
                  const char *const *cells, size_t nrows, int line_columns)
{
    t->columns = columns;
    t->ncolumns = ncolumns;
    t->whole = false;
    for (size_t i = 0; i < ncolumns; i++) {
        t->width[i] = natural_width(&columns[i], i, cells, nrows, ncolumns);
        t->content[i] = content_width(&columns[i], i, cells, nrows, ncolumns);
    }
    go_without(t, line_columns);
    narrow(t, line_columns, READABLE, false);
    narrow(t, line_columns, SHORTEST, false);
    narrow(t, line_columns, LEAST, true);
    widen(t, line_columns);
}

void table_layout_whole(struct text_table *t, const struct table_column *columns, size_t ncolumns,
                        const char *const *cells, size_t nrows)
{
    t->columns = columns;
    t->ncolumns = ncolumns;
    t->whole = true;
    for (size_t i = 0; i < ncolumns; i++)
        t->width[i] = content_width(&columns[i], i, cells, nrows, ncolumns);
}

bool table_fits(const struct table_column *columns, size_t ncolumns, const char *const *cells,
                size_t nrows, int line_columns)
{
    int total = -GAP;
    for (size_t i = 0; i < ncolumns; i++)
        total += GAP + content_width(&columns[i], i, cells, nrows, ncolumns);
    return total <= line_columns;
}

static bool is_last(const struct text_table *t, size_t i)
{
    while (++i < t->ncolumns)
        if (t->width[i] > 0)
            return false;
    return true;
}

static bool put_cell(const struct text_table *t, struct buf *b, size_t i, const char *text)
{
    bool last = is_last(t, i);
    int used = text_width(text);
    int spare = t->width[i] - (used < t->width[i] ? used : t->width[i]);
    if (t->columns[i].right && !text_pad(b, spare))
        return false;
    int put = text_put(b, text, t->whole ? -1 : t->width[i]);
    if (put < 0)
        return false;
    if (last)
        return true; /* no spaces at the end of a line */
    /* A wide character that was cut may leave one column more than computed. */
    const int missing = t->columns[i].right || put > t->width[i] ? 0 : t->width[i] - put;
    return text_pad(b, missing + GAP);
}

static bool put_cells(const struct text_table *t, struct buf *b, const char *const *cells)
{
    for (size_t i = 0; i < t->ncolumns; i++) {
        if (t->width[i] > 0 && !put_cell(t, b, i, cells[i]))
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
