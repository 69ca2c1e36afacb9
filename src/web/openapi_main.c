/* Writes what a server answers by HTTP alone, while this tree is built:
 *
 *   openapi DESCRIPTORS SERVICE... > openapi.json
 *
 * DESCRIPTORS is a FileDescriptorSet in a file, with comments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "openapi.h"

#define SERVICES_MAX 16

static struct buf *read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    struct buf *b = f != NULL ? buf_new(1 << 16) : NULL;
    size_t n = 1;
    while (b != NULL && n > 0) {
        uint8_t *to = buf_reserve(b, 1 << 16);
        n = to != NULL ? fread(to, 1, 1 << 16, f) : 0;
        b->len += n;
    }
    if (f != NULL)
        fclose(f);
    return b;
}

/* --- A table of methods, as a server has it ------------------------------------------ */

static char *path_of(const struct pb_service *s, const struct pb_method *m)
{
    char *path = NULL;
    const int n =
        asprintf(&path, "/%.*s/%.*s", (int)s->full_name.len, (const char *)s->full_name.data,
                 (int)m->name.len, (const char *)m->name.data);
    return n > 0 ? path : NULL;
}

/* What is made here lives as long as the process. */
static const struct service *table_of(const struct pb_pool *pool, const char *name)
{
    static struct service tables[SERVICES_MAX], *table = tables;
    const struct pb_service *s = pb_find_service(pool, bytes_of_text(name));
    struct method *methods = s != NULL ? calloc(s->nmethods, sizeof *methods) : NULL;
    if (methods == NULL)
        return NULL;
    for (size_t i = 0; i < s->nmethods; i++)
        methods[i] = (struct method){
            .path = path_of(s, &s->methods[i]),
            .requests = s->methods[i].many_requests ? MANY : ONE,
            .responses = s->methods[i].many_responses ? MANY : ONE,
        };
    *table = (struct service){ .name = name, .methods = methods, .nmethods = s->nmethods };
    return table++;
}

/* --- The document ------------------------------------------------------------------- */

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "openapi: %s: %s\n", what, why);
    return 1;
}

static int write_document(struct bytes set, const struct service *const *services, size_t n)
{
    char error[PBJSON_ERROR_BYTES];
    struct web_api *api;
    struct comments *comments = comments_new(set);
    struct buf *b = buf_new(1 << 16);
    if (web_api_new(&api, set, bytes_of(NULL, 0), services, n, error) != 0)
        return fail("the descriptors", error);
    const struct openapi_input in = { api, comments, services, n, VERSION };
    const bool written = comments != NULL && b != NULL && openapi_write(b, &in) == 0 &&
                         fwrite(b->data, 1, b->len, stdout) == b->len && fflush(stdout) == 0;
    buf_unref(b);
    comments_free(comments);
    web_api_free(api);
    return written ? 0 : fail("the document", "cannot be written");
}

static int run(struct pb_pool *pool, struct buf *set, int argc, char **argv)
{
    const struct service *services[SERVICES_MAX];
    if (set == NULL || argc < 3 || argc - 2 > SERVICES_MAX)
        return fail("usage", "openapi DESCRIPTORS SERVICE...");
    if (pool == NULL || pb_pool_add_set(pool, buf_bytes(set)) != 0)
        return fail(argv[1], pool != NULL ? pb_pool_error(pool) : "out of memory");
    for (int i = 2; i < argc; i++) {
        services[i - 2] = table_of(pool, argv[i]);
        if (services[i - 2] == NULL)
            return fail(argv[i], "there is no such service");
    }
    return write_document(buf_bytes(set), services, (size_t)argc - 2);
}

int main(int argc, char **argv)
{
    struct pb_pool *pool = pb_pool_new((size_t)64 << 20);
    struct buf *set = argc > 1 ? read_file(argv[1]) : NULL;
    const int rc = run(pool, set, argc, argv);
    buf_unref(set);
    pb_pool_free(pool);
    return rc;
}
