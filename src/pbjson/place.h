/* Where in a message we are, and what is wrong there. Places lie on the stack of
 * those who go down. */
#ifndef PBJSON_PLACE_H
#define PBJSON_PLACE_H

#include <stddef.h>

#include "base/bytes.h"

enum place_kind { PLACE_FIELD, PLACE_INDEX, PLACE_KEY };

struct place {
    const struct place *up; /* NULL: the message as a whole */
    enum place_kind kind;
    struct bytes name; /* of the field, or the key of the map's entry */
    size_t index;      /* in a list */
};

/** Writes "posts[3].create_time: " and the rest as by printf() to @to, which has
 * PBJSON_ERROR_BYTES: one line, whatever is in it. Long paths are cut. @at may be
 * NULL. Returns EINVAL. */
__attribute__((format(printf, 3, 4))) int place_refuse(char *to, const struct place *at,
                                                       const char *format, ...);

#define PLACE_QUOTE_BYTES 48

/** The text in quotes, cut if it is long: for place_refuse(). Returns @room. */
const char *place_quote(char room[PLACE_QUOTE_BYTES], struct bytes text);

#endif
