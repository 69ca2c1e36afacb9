/* A server's methods with what their descriptors say of them: what all protocols here stand on.
 * Made once, before the server; after that it only is read, by any thread. */
#ifndef WEB_API_H
#define WEB_API_H

#include "rest_routes.h"

struct web_api {
    struct pb_pool *pool;
    struct rest_routes routes;
    struct bytes openapi; /* what /openapi.json answers; empty: there is none */
};

/** Of the methods of @services, which must stay, as must @openapi. @descriptors is a
 * FileDescriptorSet; a method that it does not have is answered in protobuf only, and has no rule.
 * Returns 0; or an error, and @ret_error (PBJSON_ERROR_BYTES) says in one line what is wrong. */
int web_api_new(struct web_api **ret, struct bytes descriptors, struct bytes openapi,
                const struct service *const *services, size_t n, char *ret_error);

/** Frees it. NULL is fine. */
void web_api_free(struct web_api *api);

/** The types of a method of the server. NULL: no descriptor tells of it. */
static inline const struct pb_method *web_api_types(const struct web_api *api,
                                                    const struct method *m)
{
    return pb_find_method(api->pool, bytes_of_text(m->path));
}

/** Whether its descriptor says that it only reads (idempotency_level = NO_SIDE_EFFECTS). */
bool web_api_only_reads(const struct pb_method *types);

#endif
