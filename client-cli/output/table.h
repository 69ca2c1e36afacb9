/* A table that is printed while its rows still come: the widths are decided
 * from the first rows and the terminal, and stay. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define TABLE_COLUMNS_MAX 8

struct table_column {
    const char *heading;
    int least;  /* columns it gets at least, whatever the first rows hold */
    int most;   /* it starts with no more than that; 0: any width */
    int share;  /* how many parts of the space that is left over it takes */
    bool right; /* numbers */
    int drop;   /* where the line is too short for columns that can be read, 1 goes first, then
                   2 and so on; 0 stays */
};

struct text_table {
    const struct table_column *columns; /* private, like the rest */
    size_t ncolumns;
    int width[TABLE_COLUMNS_MAX];   /* 0: the column is not shown */
    int content[TABLE_COLUMNS_MAX]; /* of the first rows */
    bool whole;                     /* nothing is cut */
};

/** Decides the widths from the @nrows rows of @cells (row by row, @ncolumns
 * each), for lines of @line_columns. A table that does not fit takes space
 * from the columns that have a share, then from its widest ones; and before any of them is too
 * narrow to be read, it goes without some. @columns must stay. */
void table_layout(struct text_table *t, const struct table_column *columns, size_t ncolumns,
                  const char *const *cells, size_t nrows, int line_columns);

/** The same for lines of any length: no column goes and no text is cut, also where one is
 * longer than those of the @nrows rows. */
void table_layout_whole(struct text_table *t, const struct table_column *columns, size_t ncolumns,
                        const char *const *cells, size_t nrows);

/** Whether these rows fit lines of @line_columns with nothing left out. */
bool table_fits(const struct table_column *columns, size_t ncolumns, const char *const *cells,
                size_t nrows, int line_columns);

/** Append the line of headings (@bold: for a terminal with colours), or one
 * row. Text that is too long for its column is cut,
 * but in a whole table. false: out of memory. */
bool table_put_heading(const struct text_table *t, struct buf *b, bool bold);
bool table_put_row(const struct text_table *t, struct buf *b, const char *const *cells);

/** The same, faint: for a terminal with colours. */
bool table_put_faint_row(const struct text_table *t, struct buf *b, const char *const *cells);

#endif
