/* Types as JSON Schema has them, in the forms that proto3's JSON mapping gives them. */
#include <stdio.h>

#include "openapi_internal.h"

/* --- Scalars ------------------------------------------------------------------------ */

struct shape {
    const char *type, *format;
};

static struct shape shape_of(enum pb_type type)
{
    switch (type) {
    case PB_DOUBLE:
        return (struct shape){ "number", "double" };
    case PB_FLOAT:
        return (struct shape){ "number", "float" };
    case PB_BOOL:
        return (struct shape){ "boolean", NULL };
    case PB_STRING:
    case PB_ENUM:
        return (struct shape){ "string", NULL };
    case PB_BYTES:
        return (struct shape){ "string", "byte" };
    default:
        break;
    }
    if (pb_is_64(type)) /* a double could not hold all of them */
        return (struct shape){ "string", pb_is_unsigned(type) ? "uint64" : "int64" };
    return (struct shape){ "integer", pb_is_unsigned(type) ? "uint32" : "int32" };
}

static void put_shape(struct openapi *o, struct shape s)
{
    openapi_text(o, "type", s.type);
    if (s.format != NULL)
        openapi_text(o, "format", s.format);
}

static void put_enum(struct openapi *o, const struct pb_enum *e)
{
    openapi_list(o, "enum");
    for (size_t i = 0; i < e->nvalues; i++) {
        jsonout_next(&o->out);
        jsonout_text(&o->out, e->by_number[i].name);
    }
    openapi_list_end(o);
}

/* --- Messages ----------------------------------------------------------------------- */

static void refer(struct openapi *o, const struct pb_message *type)
{
    char ref[256];
    size_t i = 0;
    snprintf(ref, sizeof ref, "#/components/schemas/%.*s", (int)type->full_name.len,
             (const char *)type->full_name.data);
    openapi_text(o, "$ref", ref);
    while (i < o->ntypes && o->types[i] != type)
        i++;
    if (i == OPENAPI_TYPES_MAX)
        o->too_many = true;
    else if (i == o->ntypes)
        o->types[o->ntypes++] = type;
}

static void put_any(struct openapi *o)
{
    openapi_text(o, "type", "object");
    openapi_begin(o, "properties");
    openapi_begin(o, "@type");
    openapi_text(o, "type", "string");
    openapi_end(o);
    openapi_end(o);
}

void openapi_message(struct openapi *o, const struct pb_message *type)
{
    switch (type->known) {
    case PB_PLAIN:
        refer(o, type);
        break;
    case PB_ANY:
        put_any(o);
        break;
    case PB_TIMESTAMP:
        put_shape(o, (struct shape){ "string", "date-time" });
        break;
    case PB_DURATION:
        openapi_text(o, "type", "string");
        openapi_text(o, "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$");
        break;
    case PB_FIELD_MASK:
        openapi_text(o, "type", "string");
        break;
    case PB_EMPTY:
    case PB_STRUCT:
        openapi_text(o, "type", "object");
        break;
    case PB_LIST_VALUE:
        openapi_text(o, "type", "array");
        break;
    case PB_WRAPPER:
        put_shape(o, shape_of(type->wrapped));
        break;
    case PB_VALUE: /* anything */
        break;
    }
}

/* --- Fields ------------------------------------------------------------------------- */

void openapi_value(struct openapi *o, const struct pb_field *f)
{
    if (f->message != NULL) {
        openapi_message(o, f->message);
        return;
    }
    put_shape(o, shape_of(f->type));
    if (f->enumeration != NULL)
        put_enum(o, f->enumeration);
}

void openapi_field(struct openapi *o, const struct pb_field *f)
{
    if (!f->repeated) {
        openapi_value(o, f);
        return;
    }
    openapi_text(o, "type", pb_is_map(f) ? "object" : "array");
    openapi_begin(o, pb_is_map(f) ? "additionalProperties" : "items");
    openapi_value(o, pb_is_map(f) ? &f->message->fields[1] : f);
    openapi_end(o);
}

static void put_type(struct openapi *o, const struct pb_message *type)
{
    jsonout_key(&o->out, type->full_name);
    jsonout_begin(&o->out, '{');
    openapi_text(o, "type", "object");
    openapi_describe(o, type->full_name, NULL);
    openapi_begin(o, "properties");
    for (size_t i = 0; i < type->nfields; i++) {
        jsonout_key(&o->out, type->fields[i].json_name);
        jsonout_begin(&o->out, '{');
        openapi_field(o, &type->fields[i]);
        openapi_describe_field(o, type, &type->fields[i]);
        openapi_end(o);
    }
    openapi_end(o);
    openapi_end(o);
}

/* Types refer to more types, which come behind. */
void openapi_schemas(struct openapi *o)
{
    openapi_begin(o, "schemas");
    for (size_t i = 0; i < o->ntypes; i++)
        put_type(o, o->types[i]);
    openapi_end(o);
}
