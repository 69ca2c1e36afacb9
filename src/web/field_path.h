/* A field of a message, or of a message in it: "user.create_time". Any thread. */
#ifndef WEB_FIELD_PATH_H
#define WEB_FIELD_PATH_H

#include "base/buf.h"
#include "pbjson/pbjson.h"

#define FIELD_PATH_MAX 8

/* From the outermost to the innermost. */
struct field_path {
    const struct pb_field *fields[FIELD_PATH_MAX];
    unsigned n;
};

/** Finds what @dotted means in a @type, each name as in the .proto file or as in JSON. Only the
 * last field may be repeated; it may not be a map. false: there is no such field. */
bool field_path_find(struct field_path *ret, const struct pb_message *type, struct bytes dotted);

bool field_path_equal(const struct field_path *a, const struct field_path *b);

static inline const struct pb_field *field_path_last(const struct field_path *path)
{
    return path->fields[path->n - 1];
}

/** Appends the field with the value that @text stands for, as a message of the @type, behind
 * which more may be appended: such are one message. Numbers in decimal, true or false, enums
 * by name or number, bytes in base64, timestamps and the like as JSON has them; of a repeated
 * field one item. Returns 0; EINVAL, and @ret_error (PBJSON_ERROR_BYTES) says in one line
 * what is wrong, with the name of the field; ENOMEM. Nothing is appended then. */
int field_path_put(struct buf *b, const struct pb_pool *pool, const struct pb_message *type,
                   const struct field_path *path, struct bytes text, char *ret_error);

#endif
