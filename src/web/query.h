/* The query of a request as fields of its message. Any thread. */
#ifndef WEB_QUERY_H
#define WEB_QUERY_H

#include "field_path.h"

#define QUERY_FIELDS_MAX 100

/** Appends what @query says to @b as a message of the @type: "limit=5&tag=a". Names as
 * field_path_find() has them; of a repeated field each value is an item more. Refused are names
 * that there are not, fields that come twice and are not repeated, and those in @taken, which the
 * request has from elsewhere; @body, which is there too, may be NULL. Returns 0; EINVAL, with the
 * reason in @ret_error (PBJSON_ERROR_BYTES); ENOMEM. */
int query_put(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
              struct bytes query, const struct field_path *taken, size_t ntaken,
              const struct pb_field *body, char *ret_error);

#endif
