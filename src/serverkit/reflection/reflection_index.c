#include "reflection_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "google/protobuf/descriptor.pb-c.h"

#define SET_FILE 1 /* field number in FileDescriptorSet */

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;

struct file {
    struct index_file shown; /* first */
    file_proto *proto;
    struct bytes raw; /* in the set */
    bool served;
};

struct symbol {
    char *name;
    const struct file *file;
    bool is_message;
};

struct extension {
    const char *type; /* what it extends, without the dot in front */
    int32_t number;
    const struct file *file;
};

struct index {
    struct file *files; /* all of the set */
    size_t nfiles;
    struct symbol *symbols; /* sorted by name, from here on only of files that are served */
    size_t nsymbols, symbols_cap;
    struct extension *extensions; /* sorted by type and number */
    int32_t *numbers;             /* theirs */
    size_t nextensions, extensions_cap;
    bool no_memory;
};

/* --- The files of the set ----------------------------------------------------------- */

static struct file *find_file(const struct index *ix, const char *name)
{
    for (size_t i = 0; i < ix->nfiles; i++)
        if (strcmp(ix->files[i].shown.name, name) == 0)
            return &ix->files[i];
    return NULL;
}

static size_t count_files(struct bytes set)
{
    struct wire_field f;
    size_t n = 0;
    while (wire_next(&set, &f))
        n++;
    return n;
}

static int read_files(struct index *ix, struct bytes set)
{
    struct wire_field f;
    ix->files = calloc(count_files(set) + 1, sizeof *ix->files);
    if (ix->files == NULL)
        return ENOMEM;
    while (wire_next(&set, &f)) {
        if (f.number != SET_FILE || f.type != WIRE_BYTES)
            return EINVAL;
        struct file *file = &ix->files[ix->nfiles];
        file->proto =
            google__protobuf__file_descriptor_proto__unpack(NULL, f.bytes.len, f.bytes.data);
        if (file->proto == NULL || file->proto->name == NULL)
            return EINVAL;
        file->raw = f.bytes;
        file->shown.name = file->proto->name;
        ix->nfiles++;
    }
    return set.len == 0 ? 0 : EINVAL;
}

/* --- Which of them are served ------------------------------------------------------- */

static bool defines_service(const struct file *file, const char *full_name)
{
    const char *package = file->proto->package != NULL ? file->proto->package : "";
    const size_t n = strlen(package);
    if (strncmp(full_name, package, n) != 0 || (n > 0 && full_name[n] != '.'))
        return false;
    const char *name = full_name + n + (n > 0);
    for (size_t i = 0; i < file->proto->n_service; i++)
        if (strcmp(file->proto->service[i]->name, name) == 0)
            return true;
    return false;
}

static bool has(const struct index_file *f, struct bytes raw)
{
    for (size_t i = 0; i < f->nclosure; i++)
        if (f->closure[i].data == raw.data)
            return true;
    return false;
}

/* Adds @file and what it imports to the closure of @to. */
static int close_over(const struct index *ix, struct index_file *to, const struct file *file)
{
    if (has(to, file->raw))
        return 0;
    to->closure[to->nclosure++] =
        (ProtobufCBinaryData){ .len = file->raw.len, .data = (uint8_t *)file->raw.data };
    for (size_t i = 0; i < file->proto->n_dependency; i++) {
        const struct file *imported = find_file(ix, file->proto->dependency[i]);
        const int rv = imported != NULL ? close_over(ix, to, imported) : EINVAL;
        if (rv != 0)
            return rv;
    }
    return 0;
}

static int serve(struct index *ix, struct file *file)
{
    if (file->served)
        return 0;
    file->served = true;
    file->shown.closure = calloc(ix->nfiles, sizeof *file->shown.closure);
    if (file->shown.closure == NULL)
        return ENOMEM;
    int rv = close_over(ix, &file->shown, file);
    for (size_t i = 0; rv == 0 && i < file->proto->n_dependency; i++)
        rv = serve(ix, find_file(ix, file->proto->dependency[i]));
    return rv;
}

static int serve_services(struct index *ix, const char *const *services, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ix->nfiles; k++) {
            const bool defines = defines_service(&ix->files[k], services[i]);
            const int rv = defines ? serve(ix, &ix->files[k]) : 0;
            if (rv != 0)
                return rv;
        }
    return 0;
}

/* --- Names -------------------------------------------------------------------------- */

/* Room for one more element of @size in an array of which @n are used. */
static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    const size_t more = *cap == 0 ? 64 : 2 * *cap;
    void *moved = realloc(array, more * size);
    if (moved != NULL)
        *cap = more;
    return moved;
}

static char *join(const char *scope, const char *name)
{
    char *full_name;
    if (asprintf(&full_name, "%s%s%s", scope, *scope != '\0' ? "." : "", name) < 0)
        return NULL;
    return full_name;
}

/* Returns the full name; without memory something else that is not NULL. */
static const char *add(struct index *ix, const struct file *file, const char *scope,
                       const char *name, bool is_message)
{
    char *full_name = join(scope, name);
    struct symbol *symbols = grow(ix->symbols, ix->nsymbols, &ix->symbols_cap, sizeof *ix->symbols);
    if (symbols != NULL)
        ix->symbols = symbols;
    if (symbols == NULL || full_name == NULL) {
        ix->no_memory = true;
        free(full_name);
        return scope;
    }
    ix->symbols[ix->nsymbols++] = (struct symbol){ full_name, file, is_message };
    return full_name;
}

static void add_extension(struct index *ix, const struct file *file, const char *scope,
                          const field_proto *field)
{
    struct extension *extensions =
        grow(ix->extensions, ix->nextensions, &ix->extensions_cap, sizeof *ix->extensions);
    add(ix, file, scope, field->name, false);
    if (extensions == NULL) {
        ix->no_memory = true;
        return;
    }
    ix->extensions = extensions;
    const char *type = field->extendee[0] == '.' ? field->extendee + 1 : field->extendee;
    ix->extensions[ix->nextensions++] = (struct extension){ type, field->number, file };
}

/* The values are names beside their enum, as in C. */
static void add_enum(struct index *ix, const struct file *file, const char *scope,
                     const enum_proto *e)
{
    add(ix, file, scope, e->name, false);
    for (size_t i = 0; i < e->n_value; i++)
        add(ix, file, scope, e->value[i]->name, false);
}

static void add_message(struct index *ix, const struct file *file, const char *scope,
                        const message_proto *m)
{
    const char *name = add(ix, file, scope, m->name, true);
    for (size_t i = 0; i < m->n_field; i++)
        add(ix, file, name, m->field[i]->name, false);
    for (size_t i = 0; i < m->n_oneof_decl; i++)
        add(ix, file, name, m->oneof_decl[i]->name, false);
    for (size_t i = 0; i < m->n_nested_type; i++)
        add_message(ix, file, name, m->nested_type[i]);
    for (size_t i = 0; i < m->n_enum_type; i++)
        add_enum(ix, file, name, m->enum_type[i]);
    for (size_t i = 0; i < m->n_extension; i++)
        add_extension(ix, file, name, m->extension[i]);
}

static void add_service(struct index *ix, const struct file *file, const char *scope,
                        const service_proto *service)
{
    const char *name = add(ix, file, scope, service->name, false);
    for (size_t i = 0; i < service->n_method; i++)
        add(ix, file, name, service->method[i]->name, false);
}

static void add_file(struct index *ix, const struct file *file)
{
    const file_proto *p = file->proto;
    const char *package = p->package != NULL ? p->package : "";
    for (size_t i = 0; i < p->n_message_type; i++)
        add_message(ix, file, package, p->message_type[i]);
    for (size_t i = 0; i < p->n_enum_type; i++)
        add_enum(ix, file, package, p->enum_type[i]);
    for (size_t i = 0; i < p->n_service; i++)
        add_service(ix, file, package, p->service[i]);
    for (size_t i = 0; i < p->n_extension; i++)
        add_extension(ix, file, package, p->extension[i]);
}

/* --- Order -------------------------------------------------------------------------- */

static int compare_symbols(const void *a, const void *b)
{
    return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

static int compare_extensions(const void *a, const void *b)
{
    const struct extension *x = a, *y = b;
    const int rv = strcmp(x->type, y->type);
    return rv != 0 ? rv : (x->number > y->number) - (x->number < y->number);
}

static int sort(struct index *ix)
{
    ix->numbers = calloc(ix->nextensions + 1, sizeof *ix->numbers);
    if (ix->numbers == NULL)
        return ENOMEM;
    if (ix->nsymbols > 0)
        qsort(ix->symbols, ix->nsymbols, sizeof *ix->symbols, compare_symbols);
    if (ix->nextensions > 0)
        qsort(ix->extensions, ix->nextensions, sizeof *ix->extensions, compare_extensions);
    for (size_t i = 0; i < ix->nextensions; i++)
        ix->numbers[i] = ix->extensions[i].number;
    return 0;
}

/* --- Life --------------------------------------------------------------------------- */

static int fill(struct index *ix, struct bytes set, const char *const *services, size_t n)
{
    int rv = read_files(ix, set);
    if (rv == 0)
        rv = serve_services(ix, services, n);
    if (rv != 0)
        return rv;
    for (size_t i = 0; i < ix->nfiles; i++)
        if (ix->files[i].served)
            add_file(ix, &ix->files[i]);
    return ix->no_memory ? ENOMEM : sort(ix);
}

int index_new(struct index **ret, struct bytes set, const char *const *services, size_t nservices)
{
    struct index *ix = calloc(1, sizeof *ix);
    if (ix == NULL)
        return ENOMEM;
    const int rv = fill(ix, set, services, nservices);
    if (rv != 0)
        index_free(ix);
    else
        *ret = ix;
    return rv;
}

void index_free(struct index *ix)
{
    if (ix == NULL)
        return;
    for (size_t i = 0; i < ix->nsymbols; i++)
        free(ix->symbols[i].name);
    free(ix->symbols);
    free(ix->extensions);
    free(ix->numbers);
    for (size_t i = 0; ix->files != NULL && ix->files[i].proto != NULL; i++) {
        free(ix->files[i].shown.closure);
        google__protobuf__file_descriptor_proto__free_unpacked(ix->files[i].proto, NULL);
    }
    free(ix->files);
    free(ix);
}

/* --- Finding ------------------------------------------------------------------------ */

const struct index_file *index_find_file(const struct index *ix, const char *name)
{
    const struct file *file = find_file(ix, name);
    return file != NULL && file->served ? &file->shown : NULL;
}

static const struct symbol *find_symbol(const struct index *ix, const char *name)
{
    const struct symbol key = { .name = (char *)(uintptr_t)name };
    return ix->nsymbols == 0
               ? NULL
               : bsearch(&key, ix->symbols, ix->nsymbols, sizeof *ix->symbols, compare_symbols);
}

const struct index_file *index_find_symbol(const struct index *ix, const char *symbol)
{
    const struct symbol *found = find_symbol(ix, symbol);
    return found != NULL ? &found->file->shown : NULL;
}

bool index_has_message(const struct index *ix, const char *full_name)
{
    const struct symbol *found = find_symbol(ix, full_name);
    return found != NULL && found->is_message;
}

const struct index_file *index_find_extension(const struct index *ix, const char *type,
                                              int32_t number)
{
    const struct extension key = { .type = type, .number = number };
    if (ix->nextensions == 0)
        return NULL;
    const struct extension *found =
        bsearch(&key, ix->extensions, ix->nextensions, sizeof *ix->extensions, compare_extensions);
    return found != NULL ? &found->file->shown : NULL;
}

size_t index_extensions(const struct index *ix, const char *type, const int32_t **ret_numbers)
{
    size_t first = 0, n = 0;
    while (first < ix->nextensions && strcmp(ix->extensions[first].type, type) != 0)
        first++;
    while (first + n < ix->nextensions && strcmp(ix->extensions[first + n].type, type) == 0)
        n++;
    *ret_numbers = ix->numbers + first;
    return n;
}
