#include "call_schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "client-cli/frame/calls.h"

#define V1    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

#define POOL_BYTES ((size_t)64 << 20) /* of descriptors, whoever wrote them */
#define GUESS_MAX  64                 /* of one of them, with its NUL */
#define NAMES_MAX  270                /* bytes of names in an error */

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

struct bytes schema_service(const char *method, struct bytes *ret_name)
{
    const char *from = method + (*method == '/');
    const char *mark = strchr(from, '/') != NULL ? strchr(from, '/') : strrchr(from, '.');
    *ret_name = bytes_of_text(mark != NULL ? mark + 1 : "");
    if (ret_name->len == 0)
        return *ret_name;
    return bytes_of(from, (size_t)(mark - from));
}

/* --- A file ------------------------------------------------------------------------- */

static int read_all(FILE *file, struct buf *b)
{
    size_t n = 1;
    while (n > 0 && b->len <= POOL_BYTES) {
        uint8_t *to = buf_reserve(b, 65536);
        if (to == NULL)
            return ENOMEM;
        n = fread(to, 1, 65536, file);
        b->len += n;
    }
    return ferror(file) != 0 ? EIO : 0;
}

/* NULL, or why not. */
static const char *read_file(const char *path, struct buf *b)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return strerror(errno);
    const int rv = read_all(file, b);
    fclose(file);
    return rv != 0 ? strerror(rv) : NULL;
}

static bool fill(struct pb_pool *pool, const char *path, struct buf *b,
                 char error[SCHEMA_ERROR_BYTES])
{
    const char *why = read_file(path, b);
    if (why != NULL) {
        snprintf(error, SCHEMA_ERROR_BYTES, "cannot read %.200s: %s", path, why);
        return false;
    }
    if (pb_pool_add_set(pool, buf_bytes(b)) != 0) {
        snprintf(error, SCHEMA_ERROR_BYTES, "%.200s is not a set of descriptors: %s", path,
                 pb_pool_error(pool));
        return false;
    }
    const struct bytes missing = pb_pool_missing(pool);
    if (missing.len > 0)
        snprintf(error, SCHEMA_ERROR_BYTES,
                 "%.200s lacks %.*s: have protoc write it with --include_imports", path,
                 (int)(missing.len < 200 ? missing.len : 200), (const char *)missing.data);
    pb_pool_settle(pool);
    return missing.len == 0;
}

struct pb_pool *schema_read(const char *path, char error[SCHEMA_ERROR_BYTES])
{
    struct pb_pool *pool = pb_pool_new(POOL_BYTES);
    struct buf *b = buf_new(65536);
    bool well = false;
    snprintf(error, SCHEMA_ERROR_BYTES, "out of memory");
    if (pool != NULL && b != NULL)
        well = fill(pool, path, b, error);
    buf_unref(b);
    if (well)
        return pool;
    pb_pool_free(pool);
    return NULL;
}

/* --- Requests ----------------------------------------------------------------------- */

bool schema_init(struct schema *c, struct bytes service)
{
    *c = (struct schema){ .service = service };
    c->pool = pb_pool_new(POOL_BYTES);
    c->services = buf_new(256);
    c->name = buf_new(256);
    return c->pool != NULL && c->services != NULL && c->name != NULL;
}

void schema_close(struct schema *c)
{
    buf_unref(c->services);
    buf_unref(c->name);
}

const char *schema_path(const struct schema *c)
{
    return c->alpha ? ALPHA : V1;
}

static bool keep_name(struct schema *c, struct bytes name)
{
    c->name->len = 0;
    return buf_append(c->name, name) && buf_append(c->name, bytes_of("", 1));
}

/* Asks for what has this name. */
static void ask(struct schema *c, struct session *s, struct bytes name)
{
    request_message m = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    if (!keep_name(c, name)) {
        session_no_memory(s->call);
        return;
    }
    char *text = (char *)c->name->data;
    if (c->asked == SCHEMA_SERVICE) {
        m.message_request_case = REQUEST(FILE_CONTAINING_SYMBOL);
        m.file_containing_symbol = text;
    } else if (c->asked == SCHEMA_FILE) {
        m.message_request_case = REQUEST(FILE_BY_FILENAME);
        m.file_by_filename = text;
    } else {
        m.message_request_case = REQUEST(LIST_SERVICES);
        m.list_services = text;
    }
    if (calls_send(s->call, &m.base, 0) == 0)
        calls_read(s);
}

void schema_ask(struct schema *c, struct session *s)
{
    c->asked = SCHEMA_SERVICE;
    ask(c, s, c->service);
}

/* --- Answers ------------------------------------------------------------------------ */

static void ask_for_missing(struct schema *c, struct session *s)
{
    const struct bytes missing = pb_pool_missing(c->pool);
    const bool again =
        c->asked == SCHEMA_FILE && bytes_equal(missing, bytes_of_text((char *)c->name->data));
    c->asked = SCHEMA_FILE;
    if (missing.len == 0) {
        pb_pool_settle(c->pool);
        calls_half_close(s);
    } else if (again)
        stream_fail(s->call, STATUS_INTERNAL, "asked for %s, the server sent another file",
                    (const char *)c->name->data);
    else
        ask(c, s, missing);
}

static void take_files(struct schema *c, struct session *s,
                       const Grpc__Reflection__V1__FileDescriptorResponse *m)
{
    int rv = 0;
    for (size_t i = 0; i < m->n_file_descriptor_proto && rv == 0; i++) {
        const ProtobufCBinaryData *file = &m->file_descriptor_proto[i];
        rv = pb_pool_add_file(c->pool, bytes_of(file->data, file->len));
    }
    if (rv == 0)
        ask_for_missing(c, s);
    else
        stream_fail(s->call, STATUS_INTERNAL, "a descriptor that the server sent: %s",
                    pb_pool_error(c->pool));
}

static void take_services(struct schema *c, struct session *s,
                          const Grpc__Reflection__V1__ListServiceResponse *m)
{
    for (size_t i = 0; i < m->n_service; i++)
        if (!buf_append(c->services, bytes_of_text(m->service[i]->name)) ||
            !buf_append(c->services, bytes_of_text("\n"))) {
            session_no_memory(s->call);
            return;
        }
    calls_half_close(s);
}

static void take_error(struct schema *c, struct session *s,
                       const Grpc__Reflection__V1__ErrorResponse *m)
{
    static const struct bytes all = { (const uint8_t *)"*", 1 };
    const bool known = m->error_code > STATUS_OK && m->error_code <= STATUS_UNAUTHENTICATED;
    if (m->error_code == STATUS_NOT_FOUND && c->asked == SCHEMA_SERVICE) {
        c->asked = SCHEMA_LIST;
        ask(c, s, all);
        return;
    }
    stream_fail(s->call, known ? (enum status_code)m->error_code : STATUS_UNKNOWN,
                "asked what %s is, the server's reflection says: %s", (const char *)c->name->data,
                m->error_message);
}

void schema_take(struct schema *c, struct session *s, const response_message *m)
{
    const bool list = c->asked == SCHEMA_LIST;
    if (m->message_response_case == RESPONSE(ERROR_RESPONSE))
        take_error(c, s, m->error_response);
    else if (m->message_response_case == RESPONSE(FILE_DESCRIPTOR_RESPONSE) && !list)
        take_files(c, s, m->file_descriptor_response);
    else if (m->message_response_case == RESPONSE(LIST_SERVICES_RESPONSE) && list)
        take_services(c, s, m->list_services_response);
    else
        stream_fail(s->call, STATUS_INTERNAL, "the server's reflection answered something else");
}

bool schema_again(struct schema *c, const struct status *status)
{
    const bool again = status->code == STATUS_UNIMPLEMENTED && !c->alpha;
    c->alpha = c->alpha || again;
    return again;
}

/* --- What there is not -------------------------------------------------------------- */

/* How much of a name that somebody typed. */
static int shown(struct bytes name)
{
    return (int)(name.len < 60 ? name.len : 60);
}

struct names {
    char text[NAMES_MAX];
    size_t len;
};

/* With "..." in the place of those that there is no room for. */
static void add_name(struct names *n, struct bytes name)
{
    const size_t most = sizeof n->text - sizeof ", ...";
    const char *comma = n->len > 0 ? ", " : "";
    if (n->len + 2 + name.len < most)
        n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%.*s", comma,
                                   (int)name.len, (const char *)name.data);
    else if (n->len < most)
        n->len = most + (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, ", ...");
}

static struct status no_service(const struct pb_pool *pool, struct bytes service,
                                const struct buf *told)
{
    struct names names = { .text = "" };
    struct bytes rest = told != NULL ? buf_bytes(told) : bytes_of(NULL, 0);
    for (size_t len; rest.len > 0; rest = bytes_of(rest.data + len, rest.len - len)) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        len = (size_t)(end - rest.data) + 1;
        add_name(&names, bytes_of(rest.data, len - 1));
    }
    for (const struct pb_service *s = pb_services(pool); names.len == 0 && s != NULL; s = s->next)
        add_name(&names, s->full_name);
    return status_of(STATUS_NOT_FOUND, "there is no service %.*s. There is: %s", shown(service),
                     (const char *)service.data, names.len > 0 ? names.text : "none");
}

/* The method of @s that was perhaps meant, in @ret; "": none is near. */
static void guess(const struct pb_service *s, struct bytes typed, char ret[GUESS_MAX])
{
    char word[GUESS_MAX];
    struct nearest n = nearest_to((const char *)typed.data, typed.len);
    ret[0] = '\0';
    for (size_t i = 0; i < s->nmethods; i++) {
        const struct bytes name = s->methods[i].name;
        if (name.len >= sizeof word)
            continue;
        memcpy(word, name.data, name.len);
        word[name.len] = '\0';
        nearest_try(&n, word);
        if (n.best == word)
            memcpy(ret, word, name.len + 1);
        n.best = NULL;
    }
}

struct status schema_no_method(const struct pb_pool *pool, const struct buf *services,
                               const char *method)
{
    struct bytes name;
    char meant[GUESS_MAX];
    struct names names = { .text = "" };
    const struct bytes service = schema_service(method, &name);
    const struct pb_service *s = pb_find_service(pool, service);
    if (s == NULL)
        return no_service(pool, service, services);
    for (size_t i = 0; i < s->nmethods; i++)
        add_name(&names, s->methods[i].name);
    guess(s, name, meant);
    const bool near = *meant != '\0';
    return status_of(STATUS_NOT_FOUND, "%.*s has no method %.*s%s%s%s There is: %s", shown(service),
                     (const char *)service.data, shown(name), (const char *)name.data,
                     near ? "; did you mean " : "", meant, near ? "?" : ".", names.text);
}
