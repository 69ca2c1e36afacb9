#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_MAX_BYTES ((size_t)64 << 20)

/* In MethodOptions. */
enum { OPTION_IDEMPOTENCY = 34, NO_SIDE_EFFECTS = 1 };

bool web_api_only_reads(const struct pb_method *types)
{
    struct bytes options = types != NULL ? types->options : (struct bytes){ 0 };
    struct wire_field f;
    bool reads = false;
    while (wire_next(&options, &f))
        if (f.number == OPTION_IDEMPOTENCY && f.type == WIRE_VARINT)
            reads = f.varint == NO_SIDE_EFFECTS;
    return reads;
}

static int refuse(char *ret_error, int rv, const char *why)
{
    snprintf(ret_error, PBJSON_ERROR_BYTES, "%s", why);
    return rv;
}

static int read_pool(struct web_api *api, struct bytes descriptors, char *ret_error)
{
    api->pool = pb_pool_new(POOL_MAX_BYTES);
    if (api->pool == NULL)
        return refuse(ret_error, ENOMEM, "out of memory");
    const int rv = pb_pool_add_set(api->pool, descriptors);
    return rv != 0 ? refuse(ret_error, rv, pb_pool_error(api->pool)) : 0;
}

/* What a method of the table is must be what its descriptor says. */
static bool agrees(const struct method *m, const struct pb_method *types)
{
    return (m->requests == MANY) == types->many_requests &&
           (m->responses == MANY) == types->many_responses && types->input->defined &&
           types->output->defined;
}

static int add_method(struct web_api *api, const struct method *m, char *ret_error)
{
    const struct pb_method *types = web_api_types(api, m);
    if (types == NULL)
        return 0;
    if (!agrees(m, types)) {
        snprintf(ret_error, PBJSON_ERROR_BYTES,
                 "%.100s is not what its descriptor says: how many requests and responses",
                 m->path);
        return EINVAL;
    }
    ret_error[0] = '\0';
    const int rv = rest_routes_add(&api->routes, m, types, ret_error);
    return rv == ENOMEM ? refuse(ret_error, rv, "out of memory") : rv;
}

static int add_services(struct web_api *api, const struct service *const *services, size_t n,
                        char *ret_error)
{
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < n; i++)
        for (size_t j = 0; rv == 0 && j < services[i]->nmethods; j++)
            rv = add_method(api, &services[i]->methods[j], ret_error);
    return rv == 0 ? rest_routes_ready(&api->routes, ret_error) : rv;
}

int web_api_new(struct web_api **ret, struct bytes descriptors, struct bytes openapi,
                const struct service *const *services, size_t n, char *ret_error)
{
    struct web_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return refuse(ret_error, ENOMEM, "out of memory");
    api->openapi = openapi;
    int rv = read_pool(api, descriptors, ret_error);
    if (rv == 0)
        rv = add_services(api, services, n, ret_error);
    if (rv != 0)
        web_api_free(api);
    else
        *ret = api;
    return rv;
}

void web_api_free(struct web_api *api)
{
    if (api == NULL)
        return;
    rest_routes_free(&api->routes);
    pb_pool_free(api->pool);
    free(api);
}
