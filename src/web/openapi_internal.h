/* Between the files that write OpenAPI.
 *
 *   openapi.c         the document and its paths
 *   openapi_params.c  what stands in a path and in a query
 *   openapi_bodies.c  requests and responses
 *   openapi_schema.c  types */
#ifndef WEB_OPENAPI_INTERNAL_H
#define WEB_OPENAPI_INTERNAL_H

#include "openapi.h"
#include "pbjson/json_out.h"

#define OPENAPI_TYPES_MAX 200

struct openapi {
    struct jsonout out;
    const struct openapi_input *in;
    const struct pb_message *types[OPENAPI_TYPES_MAX]; /* that something refers to */
    size_t ntypes;
    bool too_many;
};

static inline struct bytes text_of(const char *text)
{
    return bytes_of_text(text);
}

/* --- Writing ------------------------------------------------------------------------ */

void openapi_key(struct openapi *o, const char *key);
void openapi_begin(struct openapi *o, const char *key); /* an object */
void openapi_list(struct openapi *o, const char *key);
void openapi_end(struct openapi *o);
void openapi_list_end(struct openapi *o);
void openapi_text(struct openapi *o, const char *key, const char *value);

/** "description": the comment of what has this full name, if there is one; @more behind it, which
 * may be NULL. */
void openapi_describe(struct openapi *o, struct bytes full_name, const char *more);

/** The same of a field of @type. */
void openapi_describe_field(struct openapi *o, const struct pb_message *type,
                            const struct pb_field *f);

/* --- Parts -------------------------------------------------------------------------- */

/** "parameters" of a request. */
void openapi_parameters(struct openapi *o, const struct rest_route *r);

/** "requestBody", if it has one; "responses" of it and of its twin. */
void openapi_request(struct openapi *o, const struct rest_route *r);
void openapi_responses(struct openapi *o, const struct rest_route *r);

/** The members of a schema: of one value of a field, of a field, of a message. */
void openapi_value(struct openapi *o, const struct pb_field *f);
void openapi_field(struct openapi *o, const struct pb_field *f);
void openapi_message(struct openapi *o, const struct pb_message *type);

/** "schemas": of all types that were referred to, and of those that these refer to. */
void openapi_schemas(struct openapi *o);

#endif
