/* Lines of CSV, as RFC 4180 has them: fields with commas between them, "\r\n" at the end, and
 * quotes around what has a comma, a quote or an end of a line in it. */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/** Appends a line of @n texts. @harmless: for a terminal, with what it would obey escaped as
 * text_put() does; else every byte as it is. false: out of memory. */
bool csv_put(struct buf *b, const char *const *cells, size_t n, bool harmless);

#endif
