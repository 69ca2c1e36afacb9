/* Names of a pool: a trie over their hashes, in which four ways go down from each
 * name. The hash has a seed that nobody knows, so nobody can make it deep. */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "pool_internal.h"

#define MAX_FULL_NAME 512 /* of a type that is looked up; protoc's own have a few dozen bytes */

#define SET_FILE  1 /* field number in FileDescriptorSet */
#define FILE_NAME 1 /* in FileDescriptorProto */

struct symbols {
    struct symbols *below[4];
    uint64_t hash;
    enum symbol_kind kind;
    struct bytes name;
    void *what;
};

/* --- Memory and reasons ------------------------------------------------------------- */

void *pool_alloc(struct pb_pool *p, size_t n, size_t size)
{
    void *room = n <= SIZE_MAX / size ? arena_alloc(p->arena, n * size) : NULL;
    if (room != NULL)
        memset(room, 0, n * size);
    return room;
}

int pool_no_memory(struct pb_pool *p)
{
    const bool none = arena_no_memory(p->arena);
    return pool_refuse(p, none ? ENOMEM : EMSGSIZE,
                       none ? "out of memory" : "the descriptors take too much memory",
                       (struct bytes){ 0 });
}

int pool_refuse(struct pb_pool *p, int rv, const char *why, struct bytes name)
{
    size_t n = (size_t)snprintf(p->error, sizeof p->error, "%s%s", why, name.len > 0 ? ": " : "");
    for (size_t i = 0; i < name.len && n + 1 < sizeof p->error; i++)
        p->error[n++] = (char)(name.data[i] < ' ' || name.data[i] > '~' ? '?' : name.data[i]);
    p->error[n] = '\0';
    return rv;
}

/* --- Names -------------------------------------------------------------------------- */

static uint64_t hash_of(const struct pb_pool *p, enum symbol_kind kind, struct bytes name)
{
    uint64_t h = p->seed + (kind == SYMBOL_FILE); /* files are no symbols: they may share a name */
    for (size_t i = 0; i < name.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, name.data + i, name.len - i < 8 ? name.len - i : 8);
        const unsigned __int128 product =
            (unsigned __int128)(h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h = (uint64_t)product ^ (uint64_t)(product >> 64) ^ p->seed;
    }
    return h ^ name.len;
}

static bool is_of(const struct symbols *s, uint64_t hash, enum symbol_kind kind, struct bytes name)
{
    return s->hash == hash && (s->kind == SYMBOL_FILE) == (kind == SYMBOL_FILE) &&
           bytes_equal(s->name, name);
}

/* The place of a name, which is empty if nothing has it. */
static struct symbols **place_of(struct symbols **at, uint64_t hash, enum symbol_kind kind,
                                 struct bytes name)
{
    for (uint64_t way = hash; *at != NULL && !is_of(*at, hash, kind, name); way <<= 2)
        at = &(*at)->below[way >> 62];
    return at;
}

void *pool_find(const struct pb_pool *p, enum symbol_kind kind, struct bytes full_name)
{
    struct symbols *root = p->symbols;
    const struct symbols *found = *place_of(&root, hash_of(p, kind, full_name), kind, full_name);
    return found != NULL && found->kind == kind ? found->what : NULL;
}

/* --- What a name stands for, before it is defined ----------------------------------- */

struct known {
    const char *name;
    enum pb_known known;
    enum pb_type wrapped;
};

static const struct known well_known[] = {
    { "Any", PB_ANY, 0 },
    { "BoolValue", PB_WRAPPER, PB_BOOL },
    { "BytesValue", PB_WRAPPER, PB_BYTES },
    { "DoubleValue", PB_WRAPPER, PB_DOUBLE },
    { "Duration", PB_DURATION, 0 },
    { "Empty", PB_EMPTY, 0 },
    { "FieldMask", PB_FIELD_MASK, 0 },
    { "FloatValue", PB_WRAPPER, PB_FLOAT },
    { "Int32Value", PB_WRAPPER, PB_INT32 },
    { "Int64Value", PB_WRAPPER, PB_INT64 },
    { "ListValue", PB_LIST_VALUE, 0 },
    { "StringValue", PB_WRAPPER, PB_STRING },
    { "Struct", PB_STRUCT, 0 },
    { "Timestamp", PB_TIMESTAMP, 0 },
    { "UInt32Value", PB_WRAPPER, PB_UINT32 },
    { "UInt64Value", PB_WRAPPER, PB_UINT64 },
    { "Value", PB_VALUE, 0 },
};

#define WELL_KNOWN "google.protobuf."

static struct bytes well_known_name(struct bytes full_name)
{
    const size_t n = sizeof WELL_KNOWN - 1;
    if (full_name.len <= n || memcmp(full_name.data, WELL_KNOWN, n) != 0)
        return (struct bytes){ 0 };
    return bytes_of(full_name.data + n, full_name.len - n);
}

static void *new_message(struct pb_pool *p, struct bytes full_name)
{
    struct pb_message *m = pool_alloc(p, 1, sizeof *m);
    const struct bytes name = well_known_name(full_name);
    if (m == NULL)
        return NULL;
    m->full_name = full_name;
    for (size_t i = 0; i < sizeof well_known / sizeof *well_known; i++)
        if (bytes_equal(name, bytes_of_text(well_known[i].name))) {
            m->known = well_known[i].known;
            m->wrapped = well_known[i].wrapped;
        }
    return m;
}

static void *new_enum(struct pb_pool *p, struct bytes full_name)
{
    struct pb_enum *e = pool_alloc(p, 1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->full_name = full_name;
    e->is_null = bytes_equal(well_known_name(full_name), bytes_of_text("NullValue"));
    return e;
}

static void *new_service(struct pb_pool *p, struct bytes full_name)
{
    struct pb_service *s = pool_alloc(p, 1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->full_name = full_name;
    s->next = p->services;
    p->services = s;
    return s;
}

static void *new_file(struct pb_pool *p, struct bytes name)
{
    struct file *f = pool_alloc(p, 1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->name = name;
    f->next = p->files;
    p->files = f;
    return f;
}

int pool_want(struct pb_pool *p, enum symbol_kind kind, struct bytes full_name, void *ret)
{
    static void *(*const make[])(struct pb_pool *, struct bytes) = {
        [SYMBOL_MESSAGE] = new_message,
        [SYMBOL_ENUM] = new_enum,
        [SYMBOL_SERVICE] = new_service,
        [SYMBOL_FILE] = new_file,
    };
    const uint64_t hash = hash_of(p, kind, full_name);
    struct symbols **at = place_of(&p->symbols, hash, kind, full_name);
    if (*at != NULL && (*at)->kind != kind)
        return pool_refuse(p, EINVAL, "a name for two kinds of things", full_name);
    if (*at == NULL) {
        struct symbols *s = pool_alloc(p, 1, sizeof *s);
        void *what = s != NULL ? make[kind](p, full_name) : NULL;
        if (what == NULL)
            return pool_no_memory(p);
        *s = (struct symbols){ .hash = hash, .kind = kind, .name = full_name, .what = what };
        *at = s;
    }
    memcpy(ret, &(*at)->what, sizeof(void *));
    return 0;
}

int pool_unsettled(struct pb_pool *p, const struct unsettled *what, void *ret)
{
    struct unsettled *u = pool_alloc(p, 1, sizeof *u);
    void *none = what->kind == SYMBOL_ENUM ? new_enum(p, what->name) : new_message(p, what->name);
    if (u == NULL || none == NULL)
        return pool_no_memory(p);
    *u = *what;
    u->next = p->unsettled;
    p->unsettled = u;
    memcpy(ret, &none, sizeof none);
    return 0;
}

static void *find_defined(const struct pb_pool *p, enum symbol_kind kind, struct bytes full_name)
{
    if (kind == SYMBOL_ENUM)
        return (void *)(uintptr_t)pb_find_enum(p, full_name);
    return (void *)(uintptr_t)pb_find_message(p, full_name);
}

/* In @scope, or in one around it. */
static void *find_in(const struct pb_pool *p, const struct unsettled *u, struct bytes scope)
{
    char full[MAX_FULL_NAME];
    void *found = NULL;
    if (scope.len > sizeof full)
        scope.len = 0;
    while (found == NULL && scope.len > 0) {
        const size_t len = scope.len + 1 + u->name.len;
        if (len <= sizeof full) {
            memcpy(full, scope.data, scope.len);
            full[scope.len] = '.';
            memcpy(full + scope.len + 1, u->name.data, u->name.len);
            found = find_defined(p, u->kind, bytes_of(full, len));
        }
        while (scope.len > 0 && scope.data[--scope.len] != '.')
            ;
    }
    return found != NULL ? found : find_defined(p, u->kind, u->name);
}

void pb_pool_settle(struct pb_pool *p)
{
    for (const struct unsettled *u = p->unsettled; u != NULL; u = u->next) {
        void *found = find_in(p, u, u->scope);
        if (found != NULL && u->number == 0)
            memcpy(u->at, &found, sizeof found);
    }
    p->unsettled = NULL;
}

/* --- Life --------------------------------------------------------------------------- */

struct pb_pool *pb_pool_new(size_t limit_bytes)
{
    struct pb_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->arena = arena_new(limit_bytes);
    if (p->arena == NULL) {
        free(p);
        return NULL;
    }
    if (getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK) != (ssize_t)sizeof p->seed)
        p->seed = (uintptr_t)p; /* so early that the system has no randomness yet */
    return p;
}

void pb_pool_free(struct pb_pool *p)
{
    if (p == NULL)
        return;
    arena_free(p->arena);
    free(p);
}

int pb_pool_add_file(struct pb_pool *p, struct bytes file)
{
    const struct bytes name = wire_find(file, FILE_NAME);
    const struct file *there = pool_find(p, SYMBOL_FILE, name);
    if (name.len == 0)
        return pool_refuse(p, EINVAL, "a file without a name", name);
    if (there != NULL && there->content.len > 0)
        return bytes_equal(there->content, file)
                   ? 0
                   : pool_refuse(p, EEXIST, "two files of one name", name);
    uint8_t *copy = pool_alloc(p, 1, file.len);
    if (copy == NULL)
        return pool_no_memory(p);
    memcpy(copy, file.data, file.len);
    return pool_read_file(p, bytes_of(copy, file.len));
}

int pb_pool_add_set(struct pb_pool *p, struct bytes set)
{
    struct wire_field f;
    while (wire_next(&set, &f)) {
        const bool is_file = f.number == SET_FILE && f.type == WIRE_BYTES;
        const int rv = is_file ? pb_pool_add_file(p, f.bytes) : 0;
        if (rv != 0)
            return rv;
    }
    return set.len == 0 ? 0
                        : pool_refuse(p, EINVAL, "not a FileDescriptorSet", (struct bytes){ 0 });
}

const char *pb_pool_error(const struct pb_pool *p)
{
    return p->error;
}

/* --- Finding ------------------------------------------------------------------------ */

struct bytes pb_pool_missing(const struct pb_pool *p)
{
    for (const struct file *f = p->files; f != NULL; f = f->next)
        if (f->content.len == 0)
            return f->name;
    return (struct bytes){ 0 };
}

const struct pb_message *pb_find_message(const struct pb_pool *p, struct bytes full_name)
{
    const struct pb_message *m = pool_find(p, SYMBOL_MESSAGE, full_name);
    return m != NULL && m->defined ? m : NULL;
}

const struct pb_enum *pb_find_enum(const struct pb_pool *p, struct bytes full_name)
{
    const struct pb_enum *e = pool_find(p, SYMBOL_ENUM, full_name);
    return e != NULL && e->defined ? e : NULL;
}

const struct pb_service *pb_find_service(const struct pb_pool *p, struct bytes full_name)
{
    return pool_find(p, SYMBOL_SERVICE, full_name);
}

const struct pb_method *pb_find_method(const struct pb_pool *p, struct bytes path)
{
    if (path.len > 0 && path.data[0] == '/')
        path = bytes_of(path.data + 1, path.len - 1);
    size_t end = path.len; /* of the service's name */
    while (end > 0 && path.data[end - 1] != '/' && path.data[end - 1] != '.')
        end--;
    const struct pb_service *s = end > 0 ? pb_find_service(p, bytes_of(path.data, end - 1)) : NULL;
    const struct bytes name = bytes_of(path.data + end, path.len - end);
    for (size_t i = 0; s != NULL && i < s->nmethods; i++)
        if (bytes_equal(s->methods[i].name, name))
            return &s->methods[i];
    return NULL;
}

const struct pb_message *pb_find_by_url(const struct pb_pool *p, struct bytes type_url)
{
    size_t at = type_url.len;
    while (at > 0 && type_url.data[at - 1] != '/')
        at--;
    if (at == 0)
        return pb_find_message(p, type_url);
    return pb_find_message(p, bytes_of(type_url.data + at, type_url.len - at));
}

const struct pb_service *pb_services(const struct pb_pool *p)
{
    return p->services;
}
