/* JSON for people: the same text with indentation and colours. */
#ifndef CLI_JSON_PAINT_H
#define CLI_JSON_PAINT_H

#include <stdbool.h>

#include "base/buf.h"

struct json_paint {
    int indent;   /* spaces a level; 0: all in one line, or in the lines that it has */
    int depth;    /* the level at which it begins */
    bool colours; /* for a terminal with colours */
};

/** Appends @json, which is valid and may have an end of a line behind it. With an indent its
 * own spaces between values do not count. One pass, no memory of its own. false: out of
 * memory. */
bool json_paint(struct buf *b, struct bytes json, const struct json_paint *paint);

#endif
