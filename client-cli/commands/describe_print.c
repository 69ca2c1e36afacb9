#include "describe_print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/output/text.h"

#define INDENT 2

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

struct printer {
    struct buf *b;
    const char *package;
    bool proto3;
    int depth;
    bool no_memory;
};

/* Every text of a descriptor may be missing. */
static const char *text(const char *s)
{
    return s != NULL ? s : "";
}

__attribute__((format(printf, 2, 3))) static void put(struct printer *p, const char *format, ...)
{
    char *line;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0) {
        p->no_memory = true;
        return;
    }
    if ((n > 0 && !text_pad(p->b, INDENT * p->depth)) || text_put(p->b, line, -1) < 0 ||
        !buf_append(p->b, bytes_of_text("\n")))
        p->no_memory = true;
    free(line);
}

static void open_block(struct printer *p, const char *what, const char *name)
{
    put(p, "%s %s {", what, text(name));
    p->depth++;
}

static void close_block(struct printer *p)
{
    p->depth--;
    put(p, "}");
}

/* --- Types -------------------------------------------------------------------------- */

/* What is left of @path behind @name: "" if that is all, NULL if it does not
 * begin with it. */
static const char *behind(const char *path, const char *name)
{
    const size_t n = strlen(text(name));
    if (n == 0 || strncmp(path, name, n) != 0)
        return NULL;
    if (path[n] == '.')
        return path + n + 1;
    return path[n] == '\0' ? path + n : NULL;
}

static const char *short_name(const struct printer *p, const char *full_name)
{
    const char *name = text(full_name);
    if (*name == '.')
        name++;
    const char *rest = behind(name, p->package);
    return rest != NULL && *rest != '\0' ? rest : name;
}

static const char *type_name(const struct printer *p, const field_proto *f)
{
    static const char *const scalars[] = {
        [TYPE(DOUBLE)] = "double",     [TYPE(FLOAT)] = "float",   [TYPE(INT64)] = "int64",
        [TYPE(UINT64)] = "uint64",     [TYPE(INT32)] = "int32",   [TYPE(FIXED64)] = "fixed64",
        [TYPE(FIXED32)] = "fixed32",   [TYPE(BOOL)] = "bool",     [TYPE(STRING)] = "string",
        [TYPE(BYTES)] = "bytes",       [TYPE(UINT32)] = "uint32", [TYPE(SFIXED32)] = "sfixed32",
        [TYPE(SFIXED64)] = "sfixed64", [TYPE(SINT32)] = "sint32", [TYPE(SINT64)] = "sint64",
    };
    const unsigned type = (unsigned)f->type;
    if (f->type_name == NULL && type < sizeof scalars / sizeof *scalars && scalars[type] != NULL)
        return scalars[type];
    return short_name(p, f->type_name);
}

static bool is_map_entry(const message_proto *m)
{
    return m->options != NULL && m->options->map_entry && m->n_field == 2;
}

/* The two fields of the message that a map is made of; NULL: it is no map. */
static field_proto *const *map_entry(const message_proto *m, const field_proto *f)
{
    const char *last = strrchr(text(f->type_name), '.');
    for (size_t i = 0; last != NULL && i < m->n_nested_type; i++)
        if (is_map_entry(m->nested_type[i]) && strcmp(text(m->nested_type[i]->name), last + 1) == 0)
            return m->nested_type[i]->field;
    return NULL;
}

static const char *label(const struct printer *p, const field_proto *f)
{
    if (f->label == LABEL(REPEATED))
        return "repeated ";
    if (f->label == LABEL(REQUIRED))
        return "required ";
    return f->proto3_optional || (!p->proto3 && !f->has_oneof_index) ? "optional " : "";
}

/* --- Definitions -------------------------------------------------------------------- */

static void put_field(struct printer *p, const message_proto *m, const field_proto *f)
{
    field_proto *const *entry = map_entry(m, f);
    if (entry != NULL)
        put(p, "map<%s, %s> %s = %d;", type_name(p, entry[0]), type_name(p, entry[1]),
            text(f->name), (int)f->number);
    else
        put(p, "%s%s %s = %d;", label(p, f), type_name(p, f), text(f->name), (int)f->number);
}

static bool is_in_oneof(const field_proto *f)
{
    return f->has_oneof_index && !f->proto3_optional;
}

/* A oneof stands where its first field does. */
static void put_oneof(struct printer *p, const message_proto *m, size_t first)
{
    const int32_t index = m->field[first]->oneof_index;
    for (size_t i = 0; i < first; i++)
        if (is_in_oneof(m->field[i]) && m->field[i]->oneof_index == index)
            return;
    const bool known = index >= 0 && (size_t)index < m->n_oneof_decl;
    open_block(p, "oneof", known ? m->oneof_decl[index]->name : "");
    for (size_t i = first; i < m->n_field; i++)
        if (is_in_oneof(m->field[i]) && m->field[i]->oneof_index == index)
            put_field(p, m, m->field[i]);
    close_block(p);
}

static void put_enum(struct printer *p, const enum_proto *e)
{
    open_block(p, "enum", e->name);
    for (size_t i = 0; i < e->n_value; i++)
        put(p, "%s = %d;", text(e->value[i]->name), (int)e->value[i]->number);
    close_block(p);
}

static void put_message(struct printer *p, const message_proto *m)
{
    open_block(p, "message", m->name);
    for (size_t i = 0; i < m->n_nested_type; i++)
        if (!is_map_entry(m->nested_type[i]))
            put_message(p, m->nested_type[i]);
    for (size_t i = 0; i < m->n_enum_type; i++)
        put_enum(p, m->enum_type[i]);
    for (size_t i = 0; i < m->n_field; i++)
        if (is_in_oneof(m->field[i]))
            put_oneof(p, m, i);
        else
            put_field(p, m, m->field[i]);
    close_block(p);
}

static void put_method(struct printer *p, const method_proto *m)
{
    put(p, "rpc %s(%s%s) returns (%s%s);", text(m->name), m->client_streaming ? "stream " : "",
        short_name(p, m->input_type), m->server_streaming ? "stream " : "",
        short_name(p, m->output_type));
}

static void put_service(struct printer *p, const service_proto *s)
{
    open_block(p, "service", s->name);
    for (size_t i = 0; i < s->n_method; i++)
        put_method(p, s->method[i]);
    close_block(p);
}

/* --- Finding ------------------------------------------------------------------------ */

static bool find_enum(struct printer *p, enum_proto *const *enums, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text(enums[i]->name), path) == 0) {
            put_enum(p, enums[i]);
            return true;
        }
    return false;
}

static bool find_field(struct printer *p, const message_proto *m, const char *path)
{
    for (size_t i = 0; i < m->n_field; i++)
        if (strcmp(text(m->field[i]->name), path) == 0) {
            put_field(p, m, m->field[i]);
            return true;
        }
    return false;
}

static bool find_message(struct printer *p, message_proto *const *messages, size_t n,
                         const char *path)
{
    for (size_t i = 0; i < n; i++) {
        const message_proto *m = messages[i];
        const char *rest = behind(path, m->name);
        if (rest == NULL)
            continue;
        if (*rest != '\0')
            return find_field(p, m, rest) || find_enum(p, m->enum_type, m->n_enum_type, rest) ||
                   find_message(p, m->nested_type, m->n_nested_type, rest);
        put_message(p, m);
        return true;
    }
    return false;
}

static bool find_method(struct printer *p, const service_proto *s, const char *path)
{
    for (size_t i = 0; i < s->n_method; i++)
        if (strcmp(text(s->method[i]->name), path) == 0) {
            put_method(p, s->method[i]);
            return true;
        }
    return false;
}

static bool find_service(struct printer *p, service_proto *const *services, size_t n,
                         const char *path)
{
    for (size_t i = 0; i < n; i++) {
        const char *rest = behind(path, services[i]->name);
        if (rest == NULL)
            continue;
        if (*rest != '\0')
            return find_method(p, services[i], rest);
        put_service(p, services[i]);
        return true;
    }
    return false;
}

int describe_print(struct buf *b, const file_proto *file, const char *symbol)
{
    struct printer p = {
        .b = b,
        .package = text(file->package),
        .proto3 = strcmp(text(file->syntax), "proto3") == 0,
    };
    const size_t before = b->len;
    const char *path = *p.package != '\0' ? behind(symbol, p.package) : symbol;
    if (path == NULL || *path == '\0')
        return ENOENT;
    if (*p.package != '\0') {
        put(&p, "package %s;", p.package);
        put(&p, "%s", "");
    }
    const bool found = find_service(&p, file->service, file->n_service, path) ||
                       find_message(&p, file->message_type, file->n_message_type, path) ||
                       find_enum(&p, file->enum_type, file->n_enum_type, path);
    if (!found)
        b->len = before;
    return p.no_memory ? ENOMEM : found ? 0 : ENOENT;
}
