#include <stdio.h>

#include "openapi_internal.h"

#define NAME_BYTES 200
#define DEPTH_MAX  3 /* of messages whose fields may stand in a query */

static void put_parameter(struct openapi *o, const char *name, const char *in,
                          const struct pb_message *type, const struct pb_field *f)
{
    jsonout_next(&o->out);
    jsonout_begin(&o->out, '{');
    openapi_text(o, "name", name);
    openapi_text(o, "in", in);
    if (*in == 'p') {
        openapi_key(o, "required");
        jsonout_literal(&o->out, "true");
    }
    openapi_describe_field(o, type, f);
    openapi_begin(o, "schema");
    openapi_field(o, f);
    openapi_end(o);
    openapi_end(o);
}

/* Which message the last field of a path is of. */
static const struct pb_message *owner_of(const struct rest_route *r, const struct field_path *path)
{
    return path->n > 1 ? path->fields[path->n - 2]->message : r->types->input;
}

static void put_path(struct openapi *o, const struct rest_route *r)
{
    char name[NAME_BYTES];
    for (unsigned i = 0; i < r->path.nvariables; i++) {
        const struct bytes text = r->path.variables[i].field_path;
        snprintf(name, sizeof name, "%.*s", (int)text.len, (const char *)text.data);
        put_parameter(o, name, "path", owner_of(r, &r->variables[i]),
                      field_path_last(&r->variables[i]));
    }
}

static bool is_in_path(const struct rest_route *r, const struct field_path *path)
{
    for (unsigned i = 0; i < r->path.nvariables; i++)
        if (field_path_equal(&r->variables[i], path))
            return true;
    return false;
}

static bool may_stand_in_query(const struct pb_field *f)
{
    return f->type != PB_GROUP && !pb_is_map(f) &&
           (f->message == NULL || f->message->known == PB_TIMESTAMP ||
            f->message->known == PB_DURATION || f->message->known == PB_FIELD_MASK ||
            f->message->known == PB_WRAPPER);
}

static bool is_plain_message(const struct pb_field *f)
{
    return f->message != NULL && f->message->known == PB_PLAIN && !f->repeated;
}

/* @prefix: names of the fields of *path, each with a dot behind it. */
// NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX
static void put_query(struct openapi *o, const struct rest_route *r, const struct pb_message *type,
                      struct field_path *path, const char *prefix)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < type->nfields; i++) {
        const struct pb_field *f = &type->fields[i];
        snprintf(name, sizeof name, "%s%.*s", prefix, (int)f->json_name.len,
                 (const char *)f->json_name.data);
        path->fields[path->n++] = f;
        if (may_stand_in_query(f) && !is_in_path(r, path) && path->fields[0] != r->body) {
            put_parameter(o, name, "query", type, f);
        } else if (is_plain_message(f) && path->n < DEPTH_MAX && path->fields[0] != r->body) {
            strncat(name, ".", sizeof name - strlen(name) - 1);
            put_query(o, r, f->message, path, name);
        }
        path->n--;
    }
}

void openapi_parameters(struct openapi *o, const struct rest_route *r)
{
    struct field_path path = { .n = 0 };
    openapi_list(o, "parameters");
    put_path(o, r);
    if (!r->has_body || r->body != NULL)
        put_query(o, r, r->types->input, &path, "");
    openapi_list_end(o);
}
