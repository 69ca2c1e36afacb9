/* Which method a path means: a table in the order of the paths, made once. */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "weir/server.h"

struct route {
    struct bytes path;
    const struct method *method;
};

struct routes {
    struct route *items;
    size_t n;
};

/** Of all methods of @services, which must stay. Returns 0; or ENOMEM, or EEXIST: one
 * path twice, and @ret is to be freed all the same. */
int routes_make(struct routes *ret, const struct service *const *services, size_t n);

/** The method of this path, or NULL. Any thread. */
const struct method *routes_find(const struct routes *routes, struct bytes path);

/** Zeroes are fine. */
void routes_free(struct routes *routes);

#endif
