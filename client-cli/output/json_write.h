/* JSON values appended to a buffer. One pass and no memory of its own: what
 * makes a million rows cheap. One thread a buffer. */
#ifndef CLI_JSON_WRITE_H
#define CLI_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/** Appends a string in quotes. Valid UTF-8 stays as it is, but for quotes,
 * backslashes and control characters (those of C1 too, which a terminal would
 * obey). A byte that is no UTF-8 becomes U+FFFD, so that the result is always
 * valid JSON. false: out of memory; part of it may have been appended. */
bool json_write_text(struct buf *b, struct bytes text);

/** Appends a number. false: out of memory. */
bool json_write_int(struct buf *b, int64_t n);

/** Appends JSON as it stands: punctuation and names, of a string literal. */
#define json_write_literal(b, literal) buf_append(b, bytes_of("" literal, sizeof(literal) - 1))

#endif
