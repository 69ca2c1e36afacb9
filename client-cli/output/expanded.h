/* A record as a block of lines, one for each field:
 *
 *   -[ 3 ]----------------------
 *   post_id | 5
 *   body    | A long text goes on
 *           | in the next line
 */
#ifndef CLI_EXPANDED_H
#define CLI_EXPANDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct expanded {
    int line_columns;
    bool wraps;   /* lines that are too long; else only where the text has an end of a line */
    bool colours; /* for a terminal with colours */
};

/** Appends the @number-th record, or if that is 0 one that is deleted, with @n fields. false:
 * out of memory. */
bool expanded_put(const struct expanded *e, struct buf *b, uint64_t number,
                  const char *const *labels, const char *const *cells, size_t n);

#endif
