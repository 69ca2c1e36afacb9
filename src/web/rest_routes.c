#include "rest_routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Making ------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(char *ret_error, const struct rest_route *r,
                                                        const char *format, ...)
{
    va_list args;
    const int n =
        snprintf(ret_error, PBJSON_ERROR_BYTES, "google.api.http of %.100s: ", r->method->path);
    va_start(args, format);
    vsnprintf(ret_error + n, PBJSON_ERROR_BYTES - (size_t)n, format, args);
    va_end(args);
    return EINVAL;
}

static int words(struct bytes text)
{
    return (int)(text.len < 60 ? text.len : 60);
}

static int find_variables(struct rest_route *r, char *ret_error)
{
    for (unsigned i = 0; i < r->path.nvariables; i++) {
        const struct bytes name = r->path.variables[i].field_path;
        if (!field_path_find(&r->variables[i], r->types->input, name) ||
            field_path_last(&r->variables[i])->repeated)
            return refuse(ret_error, r, "there is no field \"%.*s\" that a path could have",
                          words(name), (const char *)name.data);
    }
    return 0;
}

static int find_field(const struct rest_route *r, const struct pb_message *type, struct bytes name,
                      const struct pb_field **ret, char *ret_error)
{
    *ret = NULL;
    if (name.len == 0)
        return 0;
    *ret = pb_field_by_name(type, name);
    if (*ret != NULL)
        return 0;
    return refuse(ret_error, r, "there is no field \"%.*s\" in %.*s", words(name),
                  (const char *)name.data, words(type->full_name),
                  (const char *)type->full_name.data);
}

static int look_up(struct rest_route *r, char *ret_error)
{
    const struct http_rule *rule = &r->rule;
    struct bytes body = rule->body;
    if (bytes_equal(body, bytes_of_text("*")))
        body.len = 0; /* not one field of it */
    if (!path_template_read(&r->path, rule->path))
        return refuse(ret_error, r, "\"%.*s\" is no template of a path", words(rule->path),
                      (const char *)rule->path.data);
    r->has_body = rule->body.len > 0;
    int rv = find_variables(r, ret_error);
    if (rv == 0)
        rv = find_field(r, r->types->input, body, &r->body, ret_error);
    if (rv == 0)
        rv = find_field(r, r->types->output, rule->response_body, &r->response_body, ret_error);
    if (rv == 0 && r->response_body != NULL &&
        (r->response_body->type != PB_MESSAGE || r->response_body->repeated))
        return refuse(ret_error, r, "its response_body is not one message");
    if (rv == 0 && r->method->requests == MANY && !r->has_body)
        return refuse(ret_error, r, "its requests are a stream, so it needs a body");
    return rv;
}

int rest_routes_add(struct rest_routes *routes, const struct method *method,
                    const struct pb_method *types, char *ret_error)
{
    struct rest_route route = { .method = method, .types = types };
    for (unsigned n = 0; http_rule_next(types->options, &n, &route.rule);) {
        struct rest_route *items = realloc(routes->items, (routes->n + 1) * sizeof *routes->items);
        if (items == NULL)
            return ENOMEM;
        routes->items = items;
        const int rv = look_up(&route, ret_error);
        if (rv != 0)
            return rv;
        items[routes->n++] = route;
    }
    return 0;
}

/* --- Sorting ------------------------------------------------------------------------ */

/* By method in the end, so that the same rules are always in the same order. */
static int compare(const void *a, const void *b)
{
    const struct rest_route *one = a, *other = b;
    const struct bytes x = one->rule.verb, y = other->rule.verb;
    int order = path_template_compare(&one->path, &other->path);
    if (order == 0)
        order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    if (order == 0)
        order = (x.len > y.len) - (x.len < y.len);
    return order != 0 ? order : strcmp(one->method->path, other->method->path);
}

static bool same_place(const struct rest_route *a, const struct rest_route *b)
{
    return path_template_same(&a->path, &b->path) && bytes_equal(a->rule.verb, b->rule.verb);
}

static int pair(struct rest_route *a, struct rest_route *b, char *ret_error)
{
    if (a->method->responses == b->method->responses || a->types->input != b->types->input ||
        a->method->requests != b->method->requests || a->twin != NULL || b->twin != NULL) {
        refuse(ret_error, a, "%.100s has the same path, and nothing tells them apart",
               b->method->path);
        return EEXIST;
    }
    a->twin = b;
    b->twin = a;
    return 0;
}

int rest_routes_ready(struct rest_routes *routes, char *ret_error)
{
    if (routes->n > 0)
        qsort(routes->items, routes->n, sizeof *routes->items, compare);
    for (size_t i = 0; i < routes->n; i++)
        for (size_t j = i + 1; j < routes->n; j++)
            if (same_place(&routes->items[i], &routes->items[j])) {
                const int rv = pair(&routes->items[i], &routes->items[j], ret_error);
                if (rv != 0)
                    return rv;
            }
    return 0;
}

/* --- Finding ------------------------------------------------------------------------ */

const struct rest_route *rest_routes_find(const struct rest_routes *routes, struct bytes verb,
                                          struct bytes path,
                                          struct bytes ret_values[PATH_VARIABLES_MAX])
{
    for (size_t i = 0; i < routes->n; i++) {
        const struct rest_route *r = &routes->items[i];
        if (bytes_equal(r->rule.verb, verb) && path_template_match(&r->path, path, ret_values))
            return r;
    }
    return NULL;
}

static bool is_listed(const char *list, struct bytes verb)
{
    return memmem(list, strlen(list), verb.data, verb.len) != NULL;
}

size_t rest_routes_verbs(const struct rest_routes *routes, struct bytes path, char *to, size_t room)
{
    struct bytes values[PATH_VARIABLES_MAX];
    size_t n = 0;
    to[0] = '\0';
    for (size_t i = 0; i < routes->n; i++) {
        const struct rest_route *r = &routes->items[i];
        const struct bytes verb = r->rule.verb;
        if (n + verb.len + sizeof ", " > room || is_listed(to, verb) ||
            !path_template_match(&r->path, path, values))
            continue;
        n += (size_t)snprintf(to + n, room - n, "%s%.*s", n > 0 ? ", " : "", (int)verb.len,
                              (const char *)verb.data);
    }
    return n;
}

void rest_routes_free(struct rest_routes *routes)
{
    free(routes->items);
    *routes = (struct rest_routes){ 0 };
}
