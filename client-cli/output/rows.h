/* Records on their way to the output: as a table, NDJSON, JSON or not at all. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"
#include "table.h"

struct buf;
struct bytes;

enum format { FORMAT_TABLE, FORMAT_NDJSON, FORMAT_JSON, FORMAT_NONE };

/* What a record that is no text yet is printed into. */
struct row_scratch {
    char list[512];
    char number[32];
};

/* A kind of record. */
struct row_kind {
    const struct table_column *columns;
    size_t ncolumns;
    /** Sets one text for each column; they live as long as the record and the
     * scratch. */
    void (*cells)(const void *record, struct row_scratch *scratch, const char **ret_cells);
    /** Appends the record as JSON with a newline behind. false: out of memory. */
    bool (*json)(struct buf *b, const void *record);
    /** The id of one that is there no more (a const char *) as a row among the others;
     * NULL: nobody tells of those. Its own columns do not count. */
    const struct row_kind *gone;
};

/* The first two of these. */
#define ROW_COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define ROW_COLUMNS(array) array, ROW_COUNT(array)

extern const struct row_kind row_post;     /* V1__Post__PostMessage; gone: post_id */
extern const struct row_kind row_user;     /* V1__User__UserMessage */
extern const struct row_kind row_resolved; /* V1__User__ResolvedUser */

struct rows {
    const struct row_kind *kind; /* private, like the rest */
    struct output *out;
    enum format format;
    struct text_table table;
    bool begun;
};

void rows_init(struct rows *r, const struct row_kind *kind, enum format format, struct output *out);

/** Prints @n records. The first ones that a table gets decide its widths.
 * false: out of memory. */
bool rows_add(struct rows *r, const void *const *records, size_t n);

/** Prints that the records with these @n ids are gone. false: out of memory. */
bool rows_add_gone(struct rows *r, const char *const *ids, size_t n);

/** Ends what is open: the bracket of a JSON array. Once. */
void rows_end(struct rows *r);

#endif
