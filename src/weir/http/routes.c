#include "routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_paths(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.data, b.data, a.len);
}

static int compare_routes(const void *a, const void *b)
{
    return compare_paths(((const struct route *)a)->path, ((const struct route *)b)->path);
}

const struct method *routes_find(const struct routes *routes, struct bytes path)
{
    size_t from = 0, to = routes->n;
    while (from < to) {
        const size_t mid = (from + to) / 2;
        const int order = compare_paths(path, routes->items[mid].path);
        if (order == 0)
            return routes->items[mid].method;
        if (order < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return NULL;
}

int routes_make(struct routes *ret, const struct service *const *services, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += services[i]->nmethods;
    *ret = (struct routes){ .items = calloc(count + 1, sizeof *ret->items) };
    if (ret->items == NULL)
        return ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < services[i]->nmethods; k++) {
            const struct method *m = &services[i]->methods[k];
            ret->items[ret->n++] = (struct route){ bytes_of_text(m->path), m };
        }
    qsort(ret->items, count, sizeof *ret->items, compare_routes);
    for (size_t i = 1; i < count; i++)
        if (compare_routes(&ret->items[i - 1], &ret->items[i]) == 0)
            return EEXIST;
    return 0;
}

void routes_free(struct routes *routes)
{
    free(routes->items);
}
