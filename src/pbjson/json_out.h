/* JSON into a buffer: values, and what stands between them. After the first that
 * fails nothing more is written, so only the end has to be looked at. */
#ifndef PBJSON_JSON_OUT_H
#define PBJSON_JSON_OUT_H

#include "base/buf.h"

struct jsonout {
    struct buf *b;
    size_t max_len; /* that b->len may have */
    unsigned indent;
    unsigned depth;
    bool first; /* nothing in this object or list yet */
    int rv;     /* 0, or the first failure: ENOMEM, EMSGSIZE */
};

/** As it stands. */
void jsonout_put(struct jsonout *o, struct bytes json);
#define jsonout_literal(o, literal) jsonout_put(o, bytes_of("" literal, sizeof(literal) - 1))

/** A string in quotes, of valid UTF-8. Quotes, backslashes and control characters are
 * escaped, those of C1 too, which a terminal would obey. */
void jsonout_text(struct jsonout *o, struct bytes utf8);

/** The same for a text of ASCII alone that has none of these. false: it has, and nothing was
 * written; so it may be no text. Most are such, and need to be looked at only once. */
bool jsonout_plain_text(struct jsonout *o, struct bytes text);

/** Base64 in quotes, with padding. */
void jsonout_base64(struct jsonout *o, struct bytes bytes);

/** '{' or '[', and its end. */
void jsonout_begin(struct jsonout *o, char bracket);
void jsonout_end(struct jsonout *o, char bracket);

/** Before each value of a list. */
void jsonout_next(struct jsonout *o);

/** Before each value of an object: its key, and the colon. */
void jsonout_key(struct jsonout *o, struct bytes name);

#endif
