/* Cuts text into JSON values, with no I/O of its own: whoever reads puts text in, in pieces of
 * any size, and takes values out. It looks only for where a value ends; what is wrong inside
 * of one is for its parser to say. So that somebody who types does not wait in vain, a string
 * that has no closing quote ends its value with the line.
 *
 * Values need nothing between them, but for numbers and words, which end at white space. */
#ifndef CLI_JSON_VALUES_H
#define CLI_JSON_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json_values {
    uint64_t line; /* read-only: where the value given out last begins, from 1 */

    struct buf *text; /* private, like the rest */
    size_t max_bytes;
    size_t start;       /* of the value that is being looked at */
    size_t at;          /* the first byte nobody has looked at */
    uint64_t line_at;   /* in which that is, from 1 */
    uint64_t line_from; /* in which the value begins */
    unsigned depth;     /* open brackets */
    enum { VALUE_NOT_BEGUN, VALUE_BRACKETS, VALUE_TEXT, VALUE_WORD } kind;
    bool quoted, escaped; /* inside a string; behind a backslash */
    bool ended;
};

enum json_value_result {
    JSON_VALUE_OK,
    JSON_VALUE_NONE,     /* put in more, or at the end: that was all */
    JSON_VALUE_TOO_LONG, /* nothing more is given out */
};

/** Values have at most @max_bytes. false: out of memory. */
bool json_values_init(struct json_values *v, size_t max_bytes);

/** Fine if it was only zeroed. */
void json_values_close(struct json_values *v);

/** Appends text. Values given out before are gone. false: out of memory. */
bool json_values_add(struct json_values *v, struct bytes text);

/** Nothing more will come: what is left is a value, be it whole or not. */
void json_values_end(struct json_values *v);

/** The next value. Valid until more text is put in. */
enum json_value_result json_values_next(struct json_values *v, struct bytes *ret);

#endif
