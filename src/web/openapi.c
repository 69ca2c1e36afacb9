#include "openapi.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "openapi_internal.h"

/* --- Writing ------------------------------------------------------------------------ */

void openapi_key(struct openapi *o, const char *key)
{
    jsonout_key(&o->out, text_of(key));
}

void openapi_begin(struct openapi *o, const char *key)
{
    openapi_key(o, key);
    jsonout_begin(&o->out, '{');
}

void openapi_list(struct openapi *o, const char *key)
{
    openapi_key(o, key);
    jsonout_begin(&o->out, '[');
}

void openapi_end(struct openapi *o)
{
    jsonout_end(&o->out, '}');
}

void openapi_list_end(struct openapi *o)
{
    jsonout_end(&o->out, ']');
}

void openapi_text(struct openapi *o, const char *key, const char *value)
{
    openapi_key(o, key);
    jsonout_text(&o->out, text_of(value));
}

void openapi_describe(struct openapi *o, struct bytes full_name, const char *more)
{
    struct buf *text = buf_new(256);
    if (text == NULL || !comments_append(text, comments_of(o->in->comments, full_name)) ||
        !buf_append(text, text_of(more != NULL && text->len > 0 ? " " : "")) ||
        !buf_append(text, text_of(more != NULL ? more : "")))
        o->out.rv = ENOMEM;
    else if (text->len > 0) {
        openapi_key(o, "description");
        jsonout_text(&o->out, buf_bytes(text));
    }
    buf_unref(text);
}

void openapi_describe_field(struct openapi *o, const struct pb_message *type,
                            const struct pb_field *f)
{
    char name[512];
    snprintf(name, sizeof name, "%.*s.%.*s", (int)type->full_name.len,
             (const char *)type->full_name.data, (int)f->name.len, (const char *)f->name.data);
    openapi_describe(o, text_of(name), NULL);
}

/* --- Operations --------------------------------------------------------------------- */

/* "/v1.post.Post/ListPosts": "v1.post.Post" and "ListPosts". */
static struct bytes service_of(const struct rest_route *r)
{
    const char *path = r->method->path + 1;
    return bytes_of(path, (size_t)(strchr(path, '/') - path));
}

static const char *name_of(const struct rest_route *r)
{
    return strrchr(r->method->path, '/') + 1;
}

/* Of twins the one with one response speaks for both. */
static bool is_silent(const struct rest_route *r)
{
    return r->twin != NULL && r->method->responses == MANY;
}

/* Which rule of its method it is, for a name that no other operation has. */
static unsigned number_of(const struct openapi *o, const struct rest_route *r)
{
    const struct rest_routes *all = &o->in->api->routes;
    unsigned n = 0;
    for (const struct rest_route *other = all->items; other < r; other++)
        n += other->method == r->method && !is_silent(other);
    return n;
}

static void put_operation_id(struct openapi *o, const struct rest_route *r)
{
    char id[256];
    const unsigned n = number_of(o, r);
    snprintf(id, sizeof id, n > 0 ? "%s_%u" : "%s", name_of(r), n + 1);
    openapi_text(o, "operationId", id);
}

static void put_operation(struct openapi *o, const struct rest_route *r)
{
    char verb[16], name[512];
    const struct bytes service = service_of(r);
    size_t n = 0;
    for (; n < r->rule.verb.len && n < sizeof verb - 1; n++)
        verb[n] = (char)tolower(r->rule.verb.data[n]);
    verb[n] = '\0';
    snprintf(name, sizeof name, "%.*s.%s", (int)service.len, (const char *)service.data,
             name_of(r));
    openapi_begin(o, verb);
    put_operation_id(o, r);
    openapi_list(o, "tags");
    jsonout_next(&o->out);
    jsonout_text(&o->out, service);
    openapi_list_end(o);
    openapi_describe(o, text_of(name), NULL);
    openapi_parameters(o, r);
    openapi_request(o, r);
    openapi_responses(o, r);
    openapi_end(o);
}

/* --- Paths -------------------------------------------------------------------------- */

/* OpenAPI's variables have no patterns: "/v1/{name=shelves/ *}" (without the blank) is
 * "/v1/{name}". false: out of memory. */
static bool put_template(struct openapi *o, struct bytes path)
{
    struct buf *text = buf_new(path.len);
    bool put = text != NULL, skips = false;
    for (size_t i = 0; put && i < path.len; i++) {
        const uint8_t c = path.data[i];
        skips = (skips || c == '=') && c != '}';
        if (!skips)
            put = buf_append(text, bytes_of(&c, 1));
    }
    if (put)
        jsonout_key(&o->out, buf_bytes(text));
    buf_unref(text);
    return put;
}

static bool came_before(const struct rest_routes *all, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (bytes_equal(all->items[j].rule.path, all->items[i].rule.path))
            return true;
    return false;
}

static void put_path(struct openapi *o, size_t i)
{
    const struct rest_routes *all = &o->in->api->routes;
    const struct bytes path = all->items[i].rule.path;
    if (came_before(all, i))
        return;
    if (!put_template(o, path)) {
        o->out.rv = ENOMEM;
        return;
    }
    jsonout_begin(&o->out, '{');
    for (; i < all->n; i++)
        if (bytes_equal(all->items[i].rule.path, path) && !is_silent(&all->items[i]))
            put_operation(o, &all->items[i]);
    openapi_end(o);
}

/* --- The document ------------------------------------------------------------------- */

static void put_info(struct openapi *o)
{
    const struct service *first = o->in->services[0];
    openapi_begin(o, "info");
    openapi_text(o, "title", first->name);
    openapi_text(o, "version", o->in->version);
    openapi_describe(o, text_of(first->name),
                     "All methods, those without a path here too, are there for gRPC, gRPC-Web and "
                     "Connect.");
    openapi_end(o);
}

static void put_tags(struct openapi *o)
{
    openapi_list(o, "tags");
    for (size_t i = 0; i < o->in->nservices; i++) {
        jsonout_next(&o->out);
        jsonout_begin(&o->out, '{');
        openapi_text(o, "name", o->in->services[i]->name);
        openapi_describe(o, text_of(o->in->services[i]->name), NULL);
        openapi_end(o);
    }
    openapi_list_end(o);
}

static void put_components(struct openapi *o)
{
    openapi_begin(o, "components");
    openapi_schemas(o);
    openapi_begin(o, "securitySchemes");
    openapi_begin(o, "bearer");
    openapi_text(o, "type", "http");
    openapi_text(o, "scheme", "bearer");
    openapi_text(o, "description", "Where the server asks for tokens.");
    openapi_end(o);
    openapi_end(o);
    openapi_end(o);
}

/* Either without a token or with one. */
static void put_security(struct openapi *o)
{
    openapi_list(o, "security");
    jsonout_next(&o->out);
    jsonout_literal(&o->out, "{}");
    jsonout_next(&o->out);
    jsonout_literal(&o->out, "{\"bearer\": []}");
    openapi_list_end(o);
}

int openapi_write(struct buf *b, const struct openapi_input *in)
{
    struct openapi *o = calloc(1, sizeof *o);
    if (o == NULL)
        return ENOMEM;
    *o = (struct openapi){ .in = in };
    o->out = (struct jsonout){ .b = b, .max_len = SIZE_MAX, .indent = 2, .first = true };
    jsonout_begin(&o->out, '{');
    openapi_text(o, "openapi", "3.1.0");
    put_info(o);
    put_tags(o);
    openapi_begin(o, "paths");
    for (size_t i = 0; i < in->api->routes.n; i++)
        put_path(o, i);
    openapi_end(o);
    put_security(o);
    put_components(o);
    openapi_end(o);
    jsonout_literal(&o->out, "\n");
    const int rv = o->too_many ? EMSGSIZE : o->out.rv;
    free(o);
    return rv;
}
