/* What stands in the target of an HTTP request (RFC 3986). Pure functions; any thread. */
#ifndef WEB_URL_H
#define WEB_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct url {
    struct bytes path;  /* as it came, with its escapes */
    struct bytes query; /* without the '?'; empty: there is none */
};

/** Splits ":path" of a request. */
struct url url_of(struct bytes target);

enum url_part {
    URL_SEGMENT,  /* %2F is a slash */
    URL_SEGMENTS, /* several, with slashes between: %2F stays what it is, "%2F" */
    URL_QUERY,    /* + is a blank too */
};

/** Writes @text without its escapes to @to, which has room for text.len bytes and may be
 * where @text is. false: a '%' without two hexadecimal digits behind it. */
bool url_decode(uint8_t *to, struct bytes text, enum url_part part, size_t *ret_len);

/** Takes the next "name=value" off the front of a query, as it came; a name without '=' has
 * an empty value. false: there is none any more. */
bool url_query_next(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value);

#endif
