/* Between the files that print rows. */
#ifndef CLI_ROWS_INTERNAL_H
#define CLI_ROWS_INTERNAL_H

#include "rows.h"

/** Appends as a table, expanded or as CSV; the first of them decide what the table is
 * like. false: out of memory. */
bool rows_table_add(struct rows *r, const void *const *records, size_t n);
bool rows_expanded_add(struct rows *r, const void *const *records, size_t n);
bool rows_csv_add(struct rows *r, const void *const *records, size_t n);

/** The same of one that is gone. */
bool rows_table_add_gone(struct rows *r, const char *id);
bool rows_expanded_add_gone(struct rows *r, const char *id);

/** Decides the widths from @n records, which may be none, and begins the table; or, where
 * it is to be expanded, makes that its format. false: out of memory. */
bool rows_table_begin(struct rows *r, const void *const *records, size_t n);

/** Makes this the format, with the fields that it has if no others are named. */
void rows_use(struct rows *r, enum format format);

/** The texts of the chosen fields, in their order. false: out of memory. */
bool rows_cells(const struct rows *r, const void *record, struct row_scratch *scratch,
                const char **ret_cells);

#endif
