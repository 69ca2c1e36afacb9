#include "describe_print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/output/text.h"
#include "describe_comments.h"

#define INDENT 2

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

/* Field numbers of the descriptors, for paths. */
enum {
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_ONEOF = 8,
    ENUM_VALUE = 2,
    SERVICE_METHOD = 2,
};

struct printer {
    struct buf *b;
    struct describe_comments comments;
    struct describe_path path; /* of what is being printed */
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

static void put_line(struct printer *p, const char *line)
{
    if ((*line != '\0' && !text_pad(p->b, INDENT * p->depth)) || text_put(p->b, line, -1) < 0 ||
        !buf_append(p->b, bytes_of_text("\n")))
        p->no_memory = true;
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
    put_line(p, line);
    free(line);
}

/* Each line of @comment as one of "//". */
static void put_comment(struct printer *p, const char *comment)
{
    for (const char *line = text(comment); *line != '\0';) {
        const int len = (int)strcspn(line, "\n");
        put(p, "//%.*s", len, line);
        line += len;
        line += *line == '\n';
    }
}

/* The line of a definition with the comments that it has: those above it, and a short one
 * behind it. A longer one follows. */
__attribute__((format(printf, 2, 3))) static void put_definition(struct printer *p,
                                                                 const char *format, ...)
{
    char *line;
    va_list args;
    const comment_location *l = describe_comments_find(&p->comments, &p->path);
    const char *trailing = l != NULL ? text(l->trailing_comments) : "";
    const size_t len = strcspn(trailing, "\n");
    const bool is_short = trailing[len] == '\0' || trailing[len + 1] == '\0';
    va_start(args, format);
    const int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0) {
        p->no_memory = true;
        return;
    }
    put_comment(p, l != NULL ? l->leading_comments : NULL);
    if (*trailing != '\0' && is_short)
        put(p, "%s  //%.*s", line, (int)len, trailing);
    else
        put_line(p, line);
    if (!is_short)
        put_comment(p, trailing);
    free(line);
}

static void open_block(struct printer *p, const char *what, const char *name)
{
    put_definition(p, "%s %s {", what, text(name));
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

static void put_field(struct printer *p, const message_proto *m, size_t i)
{
    const field_proto *f = m->field[i];
    field_proto *const *entry = map_entry(m, f);
    describe_path_push(&p->path, MESSAGE_FIELD, i);
    if (entry != NULL)
        put_definition(p, "map<%s, %s> %s = %d;", type_name(p, entry[0]), type_name(p, entry[1]),
                       text(f->name), (int)f->number);
    else
        put_definition(p, "%s%s %s = %d;", label(p, f), type_name(p, f), text(f->name),
                       (int)f->number);
    describe_path_pop(&p->path);
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
    describe_path_push(&p->path, MESSAGE_ONEOF, (size_t)(known ? index : 0));
    open_block(p, "oneof", known ? m->oneof_decl[index]->name : "");
    describe_path_pop(&p->path);
    for (size_t i = first; i < m->n_field; i++)
        if (is_in_oneof(m->field[i]) && m->field[i]->oneof_index == index)
            put_field(p, m, i);
    close_block(p);
}

/* The @index-th of what @number says. */
static void put_enum(struct printer *p, const enum_proto *e, int number, size_t index)
{
    describe_path_push(&p->path, number, index);
    open_block(p, "enum", e->name);
    for (size_t i = 0; i < e->n_value; i++) {
        describe_path_push(&p->path, ENUM_VALUE, i);
        put_definition(p, "%s = %d;", text(e->value[i]->name), (int)e->value[i]->number);
        describe_path_pop(&p->path);
    }
    close_block(p);
    describe_path_pop(&p->path);
}

/* Its path is the printer's. */
static void put_message(struct printer *p, const message_proto *m)
{
    open_block(p, "message", m->name);
    for (size_t i = 0; i < m->n_nested_type; i++)
        if (!is_map_entry(m->nested_type[i])) {
            describe_path_push(&p->path, MESSAGE_NESTED, i);
            put_message(p, m->nested_type[i]);
            describe_path_pop(&p->path);
        }
    for (size_t i = 0; i < m->n_enum_type; i++)
        put_enum(p, m->enum_type[i], MESSAGE_ENUM, i);
    for (size_t i = 0; i < m->n_field; i++)
        if (is_in_oneof(m->field[i]))
            put_oneof(p, m, i);
        else
            put_field(p, m, i);
    close_block(p);
}

static void put_method(struct printer *p, const method_proto *m, size_t index)
{
    describe_path_push(&p->path, SERVICE_METHOD, index);
    put_definition(p, "rpc %s(%s%s) returns (%s%s);", text(m->name),
                   m->client_streaming ? "stream " : "", short_name(p, m->input_type),
                   m->server_streaming ? "stream " : "", short_name(p, m->output_type));
    describe_path_pop(&p->path);
}

static void put_service(struct printer *p, const service_proto *s)
{
    open_block(p, "service", s->name);
    for (size_t i = 0; i < s->n_method; i++)
        put_method(p, s->method[i], i);
    close_block(p);
}

/* --- Finding ------------------------------------------------------------------------ */

static bool find_enum(struct printer *p, enum_proto *const *enums, size_t n, const char *path,
                      int number)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text(enums[i]->name), path) == 0) {
            put_enum(p, enums[i], number, i);
            return true;
        }
    return false;
}

static bool find_field(struct printer *p, const message_proto *m, const char *path)
{
    for (size_t i = 0; i < m->n_field; i++)
        if (strcmp(text(m->field[i]->name), path) == 0) {
            put_field(p, m, i);
            return true;
        }
    return false;
}

/* Those that are the field @number of what the printer's path leads to. */
static bool find_message(struct printer *p, message_proto *const *messages, size_t n,
                         const char *path, int number)
{
    for (size_t i = 0; i < n; i++) {
        const message_proto *m = messages[i];
        const char *rest = behind(path, m->name);
        if (rest == NULL)
            continue;
        describe_path_push(&p->path, number, i);
        bool found = *rest == '\0';
        if (found)
            put_message(p, m);
        else
            found = find_field(p, m, rest) ||
                    find_enum(p, m->enum_type, m->n_enum_type, rest, MESSAGE_ENUM) ||
                    find_message(p, m->nested_type, m->n_nested_type, rest, MESSAGE_NESTED);
        describe_path_pop(&p->path);
        return found;
    }
    return false;
}

static bool find_method(struct printer *p, const service_proto *s, const char *path)
{
    for (size_t i = 0; i < s->n_method; i++)
        if (strcmp(text(s->method[i]->name), path) == 0) {
            put_method(p, s->method[i], i);
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
        describe_path_push(&p->path, FILE_SERVICE, i);
        const bool found = *rest == '\0' || find_method(p, services[i], rest);
        if (*rest == '\0')
            put_service(p, services[i]);
        describe_path_pop(&p->path);
        return found;
    }
    return false;
}

int describe_print(struct buf *b, const file_proto *file, const char *symbol, bool comments)
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
    if (comments && !describe_comments_init(&p.comments, file))
        return ENOMEM;
    if (*p.package != '\0') {
        put(&p, "package %s;", p.package);
        put(&p, "%s", "");
    }
    const bool found =
        find_service(&p, file->service, file->n_service, path) ||
        find_message(&p, file->message_type, file->n_message_type, path, FILE_MESSAGE) ||
        find_enum(&p, file->enum_type, file->n_enum_type, path, FILE_ENUM);
    describe_comments_close(&p.comments);
    if (!found)
        b->len = before;
    return p.no_memory ? ENOMEM : found ? 0 : ENOENT;
}
