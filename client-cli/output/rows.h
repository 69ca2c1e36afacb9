/* Records on their way to the output, in one of these forms:
 *
 *   table     columns that fit the line; what is too long is cut
 *   wide      a table with more columns, in which nothing is cut
 *   expanded  a block a record, with a line for each field
 *   csv       RFC 4180, with a line of names at its head
 *   ndjson    an object of JSON a line
 *   json      one array of them; on a terminal a line for each field
 *   none      not at all
 *
 * A kind of record is a table of fields, and each form has fields of its own; --columns
 * names others, for all forms alike. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output.h"
#include "table.h"

struct buf;
struct bytes;

/* In the order of ROW_FORMAT's words (common.h). */
enum format {
    FORMAT_TABLE,
    FORMAT_WIDE,
    FORMAT_EXPANDED,
    FORMAT_CSV,
    FORMAT_NDJSON,
    FORMAT_JSON,
    FORMAT_NONE
};

/* Whether a table is expanded; --expanded. AUTO: if it does not fit the line. */
enum expanded_use { EXPANDED_NEVER, EXPANDED_AUTO, EXPANDED_ALWAYS };

/* --- Kinds of records --------------------------------------------------------------- */

/* Where a field is shown without --columns. */
enum row_place { IN_TABLE = 1, IN_WIDE = 2, IN_FULL = 4 /* expanded and CSV */ };

struct row_field {
    const char *name;           /* as in JSON: of --columns, CSV and expanded rows */
    unsigned in;                /* enum row_place */
    struct table_column column; /* of tables */
};

/* What a field that is no text yet is printed into. */
struct row_scratch {
    struct buf *list; /* NULL: not needed yet; row_scratch_close() */
    char number[32];
    char time[40];
};

void row_scratch_close(struct row_scratch *scratch);

struct row_kind {
    const struct row_field *fields; /* the id is the first one */
    size_t nfields;                 /* at most TABLE_COLUMNS_MAX */
    /** Sets one text for each field; they live as long as the record and the
     * scratch, which may be used again. false: out of memory. */
    bool (*cells)(const void *record, struct row_scratch *scratch, const char **ret_cells);
    /** Appends the record as JSON with a newline behind. false: out of memory. */
    bool (*json)(struct buf *b, const void *record);
    /** Appends the value of one field as JSON. false: out of memory. */
    bool (*json_field)(struct buf *b, const void *record, size_t field);
    /** What the id of a record that is there no more is called in JSON; NULL: nobody tells
     * of those. */
    const char *gone_id;
};

/* The first two of these. */
#define ROW_COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define ROW_FIELDS(array) array, ROW_COUNT(array)

extern const struct row_kind row_post;     /* V1__Post__PostMessage; gone: post_id */
extern const struct row_kind row_user;     /* V1__User__UserMessage */
extern const struct row_kind row_resolved; /* V1__User__ResolvedUser */

/* --- Rows --------------------------------------------------------------------------- */

#define ROWS_ERROR_BYTES 256

/* Fields, in the order in which they are shown. */
struct row_choice {
    size_t n;
    size_t field[TABLE_COLUMNS_MAX];
    bool named; /* by --columns */
};

/** Reads @names, "post_id,title", of fields of @kind; NULL stands for no choice. false: @error
 * says what is wrong, in one line. */
bool rows_choose(struct row_choice *ret, const struct row_kind *kind, const char *names,
                 char error[ROWS_ERROR_BYTES]);

struct rows_look {
    enum format format;
    enum expanded_use expanded;
    struct row_choice choice; /* n == 0: the fields that the format has */
};

struct rows {
    uint64_t count; /* read-only: of records; not of those that are gone */
    bool begun;     /* read-only: there was one, of either kind */

    const struct row_kind *kind; /* private, like the rest */
    struct output *out;
    struct rows_look look;
    bool terminal, colours;
    int line_columns;
    struct text_table table;
    struct table_column columns[TABLE_COLUMNS_MAX]; /* of the table */
    struct row_scratch scratch;
    struct buf *plain; /* JSON before it has its colours; NULL: not needed yet */
};

void rows_init(struct rows *r, const struct row_kind *kind, const struct rows_look *look,
               struct output *out);
void rows_close(struct rows *r);

/** Prints @n records. The first ones that a table gets decide its widths.
 * false: out of memory. */
bool rows_add(struct rows *r, const void *const *records, size_t n);

/** Prints that the records with these @n ids are gone. false: out of memory. */
bool rows_add_gone(struct rows *r, const char *const *ids, size_t n);

/** Whether it is a table, of whatever kind. */
bool rows_are_table(const struct rows *r);

/** Ends what is open: the bracket of a JSON array. Once. */
void rows_end(struct rows *r);

/** On a terminal, ends a table with its number of rows: "(5 of 8 rows)", where @total is 0 if
 * it is not known. @cut: --limit has ended it, so that there may be more. */
void rows_put_count(struct rows *r, uint64_t total, bool cut);

#endif
