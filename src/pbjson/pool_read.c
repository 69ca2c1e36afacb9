/* FileDescriptorProto, read from its bytes: the little of it that matters here
 * takes no more memory than it needs, and nothing is decoded twice. */
#include <errno.h>

#include "pool_internal.h"

#define MAX_NESTED 32 /* definitions in one another */

/* Field numbers in descriptor.proto. */
enum { FILE_NAME = 1, FILE_PACKAGE, FILE_DEPENDENCY, FILE_MESSAGE, FILE_ENUM, FILE_SERVICE };
enum { FILE_SYNTAX = 12 };
enum { MESSAGE_NAME = 1, MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM };
enum { MESSAGE_OPTIONS = 7, MESSAGE_ONEOF = 8, OPTION_MAP_ENTRY = 7 };
enum { FIELD_NAME = 1, FIELD_NUMBER = 3, FIELD_LABEL, FIELD_TYPE, FIELD_TYPE_NAME };
enum { FIELD_OPTIONS = 8, FIELD_ONEOF, FIELD_JSON_NAME, FIELD_PROTO3_OPTIONAL = 17 };
enum { OPTION_PACKED = 2, LABEL_REPEATED = 3 };
enum { ENUM_NAME = 1, ENUM_VALUE };
enum { VALUE_NAME = 1, VALUE_NUMBER };
enum { ONEOF_NAME = 1 };
enum { SERVICE_NAME = 1, SERVICE_METHOD };
enum { METHOD_NAME = 1, METHOD_INPUT, METHOD_OUTPUT, METHOD_OPTIONS };
enum { METHOD_MANY_REQUESTS = 5, METHOD_MANY_RESPONSES };

struct reader {
    struct pb_pool *pool;
    bool proto3;
};

/* --- Bytes -------------------------------------------------------------------------- */

static uint64_t varint_of(struct bytes message, uint32_t number, uint64_t otherwise)
{
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.number == number && f.type == WIRE_VARINT)
            otherwise = f.varint;
    return otherwise;
}

/* Moves to the next WIRE_BYTES field of this @number. */
static bool next_of(struct bytes *rest, uint32_t number, struct bytes *ret)
{
    struct wire_field f;
    while (wire_next(rest, &f))
        if (f.number == number && f.type == WIRE_BYTES) {
            *ret = f.bytes;
            return true;
        }
    return false;
}

static size_t count_of(struct bytes message, uint32_t number)
{
    struct bytes each;
    size_t n = 0;
    while (next_of(&message, number, &each))
        n++;
    return n;
}

static bool is_message(struct bytes b)
{
    struct wire_field f;
    while (wire_next(&b, &f))
        ;
    return b.len == 0;
}

/* --- Names -------------------------------------------------------------------------- */

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Letters, digits and _, and not a digit first; @dots: several with dots between. */
static bool is_name(struct bytes name, bool dots)
{
    bool first = true;
    for (size_t i = 0; i < name.len; i++) {
        const uint8_t c = name.data[i];
        if (dots && c == '.' && !first)
            first = true;
        else if (is_letter(c) || (c >= '0' && c <= '9' && !first))
            first = false;
        else
            return false;
    }
    return !first;
}

/* Joins them with a dot, if there is a @scope. */
static int full_name_of(const struct reader *r, struct bytes scope, struct bytes name,
                        struct bytes *ret)
{
    if (!is_name(name, false))
        return pool_refuse(r->pool, EINVAL, "not a name", name);
    if (scope.len == 0) {
        *ret = name;
        return 0;
    }
    char *full = pool_alloc(r->pool, 1, scope.len + 1 + name.len);
    if (full == NULL)
        return pool_no_memory(r->pool);
    memcpy(full, scope.data, scope.len);
    full[scope.len] = '.';
    memcpy(full + scope.len + 1, name.data, name.len);
    *ret = bytes_of(full, scope.len + 1 + name.len);
    return 0;
}

/* What a reference like ".v1.post.Post", or "Post" in @where->scope, is for. *ret is where
 * @where->at is, or where the field with this number is until the fields are sorted. */
static int refer(const struct reader *r, const struct unsettled *where, struct bytes name,
                 void *ret)
{
    const bool full = name.len > 0 && name.data[0] == '.';
    struct unsettled u = *where;
    u.name = full ? bytes_of(name.data + 1, name.len - 1) : name;
    if (!is_name(u.name, true))
        return pool_refuse(r->pool, EINVAL, "not the name of a type", name);
    return full ? pool_want(r->pool, u.kind, u.name, ret) : pool_unsettled(r->pool, &u, ret);
}

/* Fields stay where they are from now on. */
static void place_unsettled(const struct reader *r, const struct pb_message *m,
                            struct pb_field *fields)
{
    for (struct unsettled *u = r->pool->unsettled; u != NULL && u->number > 0; u = u->next) {
        struct pb_field *f = fields + (pb_field_by_number(m, u->number) - m->fields);
        u->at = u->kind == SYMBOL_ENUM ? (void *)&f->enumeration : (void *)&f->message;
        u->number = 0;
    }
}

/* "create_time" is "createTime", says protoc. */
static int set_json_name(const struct reader *r, struct pb_field *f)
{
    char *to = pool_alloc(r->pool, 1, f->name.len);
    size_t n = 0;
    bool upper = false;
    if (to == NULL)
        return pool_no_memory(r->pool);
    for (size_t i = 0; i < f->name.len; i++) {
        const char c = (char)f->name.data[i];
        if (c != '_')
            to[n++] = (char)(upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        upper = c == '_';
    }
    f->json_name = bytes_of(to, n);
    return 0;
}

/* --- Fields ------------------------------------------------------------------------- */

static int set_type(const struct reader *r, struct pb_field *f, const struct pb_message *m,
                    struct bytes field)
{
    struct unsettled where = { .scope = m->full_name, .number = f->number };
    const uint64_t type = varint_of(field, FIELD_TYPE, 0);
    const struct bytes name = wire_find(field, FIELD_TYPE_NAME);
    if (type < PB_DOUBLE || type > PB_SINT64)
        return pool_refuse(r->pool, EINVAL, "a field without a type", f->name);
    f->type = (enum pb_type)type;
    f->wire = pb_wire_of(f->type);
    where.kind = f->type == PB_ENUM ? SYMBOL_ENUM : SYMBOL_MESSAGE;
    if (f->type == PB_MESSAGE)
        return refer(r, &where, name, &f->message);
    if (f->type == PB_ENUM)
        return refer(r, &where, name, &f->enumeration);
    return 0;
}

static int set_oneof(const struct reader *r, struct pb_field *f, const struct pb_message *m,
                     struct bytes field)
{
    const uint64_t oneof = varint_of(field, FIELD_ONEOF, UINT64_MAX);
    const bool optional = varint_of(field, FIELD_PROTO3_OPTIONAL, 0) != 0;
    if (oneof != UINT64_MAX && (oneof >= m->noneofs || f->repeated))
        return pool_refuse(r->pool, EINVAL, "a field of no oneof", f->name);
    if (oneof != UINT64_MAX && !optional)
        f->oneof = (uint32_t)oneof + 1;
    f->presence = !f->repeated && (oneof != UINT64_MAX || !r->proto3 || f->type == PB_MESSAGE ||
                                   f->type == PB_GROUP);
    return 0;
}

static bool may_be_packed(const struct pb_field *f)
{
    return f->repeated && f->wire != WIRE_BYTES && f->type != PB_GROUP;
}

static int read_field(const struct reader *r, const struct pb_message *m, struct bytes field,
                      struct pb_field *f)
{
    const uint64_t number = varint_of(field, FIELD_NUMBER, 0);
    f->name = wire_find(field, FIELD_NAME);
    f->json_name = wire_find(field, FIELD_JSON_NAME);
    f->repeated = varint_of(field, FIELD_LABEL, 0) == LABEL_REPEATED;
    if (!is_message(field) || !is_name(f->name, false))
        return pool_refuse(r->pool, EINVAL, "not a field, in", m->full_name);
    if (number == 0 || number >= 1u << 29)
        return pool_refuse(r->pool, EINVAL, "a field without a number", f->name);
    f->number = (uint32_t)number;
    int rv = set_type(r, f, m, field);
    if (rv == 0)
        rv = set_oneof(r, f, m, field);
    if (rv == 0 && f->json_name.len == 0)
        rv = set_json_name(r, f);
    f->packed = may_be_packed(f) &&
                varint_of(wire_find(field, FIELD_OPTIONS), OPTION_PACKED, r->proto3) != 0;
    return rv;
}

static int read_fields(const struct reader *r, struct pb_message *m, struct bytes message)
{
    struct pb_field *fields;
    struct bytes rest = message, each;
    m->nfields = count_of(message, MESSAGE_FIELD);
    fields = pool_alloc(r->pool, m->nfields, sizeof *fields);
    if (fields == NULL)
        return pool_no_memory(r->pool);
    for (size_t i = 0; next_of(&rest, MESSAGE_FIELD, &each); i++) {
        const int rv = read_field(r, m, each, &fields[i]);
        if (rv != 0)
            return rv;
    }
    const int rv = pool_index_fields(r->pool, m, fields);
    if (rv == 0)
        place_unsettled(r, m, fields);
    return rv;
}

static int read_oneofs(const struct reader *r, struct pb_message *m, struct bytes message)
{
    struct bytes *oneofs, rest = message, each;
    m->noneofs = count_of(message, MESSAGE_ONEOF);
    oneofs = pool_alloc(r->pool, m->noneofs, sizeof *oneofs);
    if (oneofs == NULL)
        return pool_no_memory(r->pool);
    for (size_t i = 0; next_of(&rest, MESSAGE_ONEOF, &each); i++)
        oneofs[i] = wire_find(each, ONEOF_NAME);
    m->oneofs = oneofs;
    return 0;
}

/* --- Definitions -------------------------------------------------------------------- */

static bool may_be_key(enum pb_type type)
{
    return type != PB_DOUBLE && type != PB_FLOAT && type != PB_GROUP && type != PB_MESSAGE &&
           type != PB_BYTES && type != PB_ENUM;
}

static bool is_map_entry(const struct pb_message *m)
{
    return m->known == PB_PLAIN && m->nfields == 2 && m->fields[0].number == 1 &&
           m->fields[1].number == 2 && !m->fields[0].repeated && !m->fields[1].repeated &&
           m->fields[0].oneof == 0 && m->fields[1].oneof == 0 && may_be_key(m->fields[0].type);
}

static int read_enum(const struct reader *r, struct bytes scope, struct bytes from)
{
    struct bytes name = { 0 }, each, rest = from;
    struct pb_enum *e;
    int rv = full_name_of(r, scope, wire_find(from, ENUM_NAME), &name);
    if (rv == 0)
        rv = pool_want(r->pool, SYMBOL_ENUM, name, &e);
    if (rv != 0)
        return rv;
    if (e->defined)
        return pool_refuse(r->pool, EEXIST, "an enum defined twice", name);
    e->defined = true;
    e->closed = !r->proto3;
    e->nvalues = count_of(from, ENUM_VALUE);
    struct pb_enum_value *values = pool_alloc(r->pool, e->nvalues, sizeof *values);
    if (values == NULL)
        return pool_no_memory(r->pool);
    for (size_t i = 0; next_of(&rest, ENUM_VALUE, &each); i++) {
        values[i].name = wire_find(each, VALUE_NAME);
        values[i].number = (int32_t)varint_of(each, VALUE_NUMBER, 0);
        if (!is_message(each) || !is_name(values[i].name, false))
            return pool_refuse(r->pool, EINVAL, "not a value of", name);
    }
    return pool_index_values(r->pool, e, values);
}

static int read_message(const struct reader *r, struct bytes scope, struct bytes from, int left);

/* What stands in a message or a file: messages, enums. */
static int read_types(const struct reader *r, struct bytes scope, struct bytes from,
                      uint32_t messages, uint32_t enums, int left)
{
    struct wire_field f;
    while (wire_next(&from, &f)) {
        int rv = 0;
        if (f.type == WIRE_BYTES && f.number == messages)
            rv = read_message(r, scope, f.bytes, left);
        else if (f.type == WIRE_BYTES && f.number == enums)
            rv = read_enum(r, scope, f.bytes);
        if (rv != 0)
            return rv;
    }
    return from.len == 0 ? 0 : pool_refuse(r->pool, EINVAL, "not a definition, in", scope);
}

static int read_message(const struct reader *r, struct bytes scope, struct bytes from, int left)
{
    struct bytes name = { 0 };
    struct pb_message *m;
    int rv = left > 0 ? full_name_of(r, scope, wire_find(from, MESSAGE_NAME), &name)
                      : pool_refuse(r->pool, EINVAL, "messages too deep in one another, in", scope);
    if (rv == 0)
        rv = pool_want(r->pool, SYMBOL_MESSAGE, name, &m);
    if (rv != 0)
        return rv;
    if (m->defined)
        return pool_refuse(r->pool, EEXIST, "a message defined twice", name);
    m->defined = true;
    rv = read_oneofs(r, m, from);
    if (rv == 0)
        rv = read_fields(r, m, from);
    if (rv == 0)
        rv = read_types(r, name, from, MESSAGE_NESTED, MESSAGE_ENUM, left - 1);
    if (rv != 0 || varint_of(wire_find(from, MESSAGE_OPTIONS), OPTION_MAP_ENTRY, 0) == 0)
        return rv;
    m->map_entry = is_map_entry(m);
    return m->map_entry ? 0 : pool_refuse(r->pool, EINVAL, "not an entry of a map", name);
}

static int read_method(const struct reader *r, struct bytes scope, struct bytes from,
                       struct pb_method *m)
{
    const struct unsettled input = { .kind = SYMBOL_MESSAGE, .scope = scope, .at = &m->input };
    const struct unsettled output = { .kind = SYMBOL_MESSAGE, .scope = scope, .at = &m->output };
    m->name = wire_find(from, METHOD_NAME);
    m->options = wire_find(from, METHOD_OPTIONS);
    m->many_requests = varint_of(from, METHOD_MANY_REQUESTS, 0) != 0;
    m->many_responses = varint_of(from, METHOD_MANY_RESPONSES, 0) != 0;
    if (!is_message(from) || !is_name(m->name, false))
        return pool_refuse(r->pool, EINVAL, "not a method", m->name);
    const int rv = refer(r, &input, wire_find(from, METHOD_INPUT), &m->input);
    return rv != 0 ? rv : refer(r, &output, wire_find(from, METHOD_OUTPUT), &m->output);
}

static int read_service(const struct reader *r, struct bytes scope, struct bytes from)
{
    struct bytes name = { 0 }, each, rest = from;
    struct pb_service *s;
    int rv = full_name_of(r, scope, wire_find(from, SERVICE_NAME), &name);
    if (rv == 0 && pool_find(r->pool, SYMBOL_SERVICE, name) != NULL)
        rv = pool_refuse(r->pool, EEXIST, "a service defined twice", name);
    if (rv == 0)
        rv = pool_want(r->pool, SYMBOL_SERVICE, name, &s);
    if (rv != 0)
        return rv;
    const size_t n = count_of(from, SERVICE_METHOD);
    struct pb_method *methods = pool_alloc(r->pool, n, sizeof *methods);
    if (methods == NULL)
        return pool_no_memory(r->pool);
    for (size_t i = 0; rv == 0 && next_of(&rest, SERVICE_METHOD, &each); i++)
        rv = read_method(r, name, each, &methods[i]);
    s->methods = methods;
    s->nmethods = n;
    return rv;
}

/* --- The file ----------------------------------------------------------------------- */

static int read_syntax(struct reader *r, struct bytes content)
{
    const struct bytes syntax = wire_find(content, FILE_SYNTAX);
    r->proto3 = bytes_equal(syntax, bytes_of_text("proto3"));
    if (r->proto3 || syntax.len == 0 || bytes_equal(syntax, bytes_of_text("proto2")))
        return 0;
    return pool_refuse(r->pool, ENOTSUP, "only proto2 and proto3 are known here, not", syntax);
}

static int read_imports(const struct reader *r, struct bytes content)
{
    struct bytes name;
    struct file *f;
    while (next_of(&content, FILE_DEPENDENCY, &name)) {
        const int rv = pool_want(r->pool, SYMBOL_FILE, name, &f);
        if (rv != 0)
            return rv;
    }
    return 0;
}

static int read_services(const struct reader *r, struct bytes package, struct bytes content)
{
    struct bytes each;
    int rv = 0;
    while (rv == 0 && next_of(&content, FILE_SERVICE, &each))
        rv = read_service(r, package, each);
    return rv;
}

int pool_read_file(struct pb_pool *p, struct bytes content)
{
    struct reader r = { .pool = p };
    const struct bytes name = wire_find(content, FILE_NAME);
    const struct bytes package = wire_find(content, FILE_PACKAGE);
    struct file *file;
    if (!is_message(content) || (package.len > 0 && !is_name(package, true)))
        return pool_refuse(p, EINVAL, "not a FileDescriptorProto", name);
    int rv = read_syntax(&r, content);
    if (rv == 0)
        rv = pool_want(p, SYMBOL_FILE, name, &file);
    if (rv == 0)
        rv = read_imports(&r, content);
    if (rv == 0)
        rv = read_types(&r, package, content, FILE_MESSAGE, FILE_ENUM, MAX_NESTED);
    if (rv == 0)
        rv = read_services(&r, package, content);
    if (rv == 0)
        file->content = content;
    return rv;
}
