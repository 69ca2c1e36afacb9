#include "reflection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "descriptors.h"
#include "reflection_internal.h"

#define V1      "grpc.reflection.v1.ServerReflection"
#define V1ALPHA "grpc.reflection.v1alpha.ServerReflection"
#define METHOD  "/ServerReflectionInfo"

/* The two differ in the name of their package, and not on the wire. */
static void set_services(struct reflection *r, const char *scope)
{
    const char *const paths[] = { "/" V1 METHOD, "/" V1ALPHA METHOD };
    const char *const names[] = { V1, V1ALPHA };
    for (int i = 0; i < REFLECTION_NSERVICES; i++) {
        r->methods[i] = (struct method){
            .path = paths[i],
            .requests = MANY,
            .responses = MANY,
            .handler = &reflection_handler,
            .data = r,
            .scope = scope,
        };
        r->services[i] = (struct service){ names[i], &r->methods[i], 1 };
    }
}

static void list(struct reflection *r, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (index_find_symbol(r->index, names[i]) == NULL)
            continue;
        Grpc__Reflection__V1__ServiceResponse *m = &r->names[r->nlist];
        grpc__reflection__v1__service_response__init(m);
        m->name = (char *)(uintptr_t)names[i];
        r->list[r->nlist++] = m;
    }
}

static int fill(struct reflection *r, const char *const *names, size_t n)
{
    r->names = calloc(n, sizeof *r->names);
    r->list = calloc(n, sizeof *r->list);
    if (r->names == NULL || r->list == NULL)
        return ENOMEM;
    const int rv = index_new(&r->index, descriptors_set(), names, n);
    assert(rv != EINVAL); /* protoc made them */
    if (rv == 0)
        list(r, names, n);
    return rv;
}

int reflection_new(struct reflection **ret, const struct service *const *services, size_t nservices,
                   const char *scope)
{
    struct reflection *r = calloc(1, sizeof *r);
    const char **names = calloc(nservices + REFLECTION_NSERVICES, sizeof *names);
    int rv = ENOMEM;
    if (r != NULL && names != NULL) {
        set_services(r, scope);
        for (size_t i = 0; i < nservices; i++)
            names[i] = services[i]->name;
        for (size_t i = 0; i < REFLECTION_NSERVICES; i++)
            names[nservices + i] = r->services[i].name;
        rv = fill(r, names, nservices + REFLECTION_NSERVICES);
    }
    free(names);
    if (rv != 0)
        reflection_free(r);
    else
        *ret = r;
    return rv;
}

const struct service *reflection_services(const struct reflection *reflection)
{
    return reflection->services;
}

void reflection_free(struct reflection *reflection)
{
    if (reflection == NULL)
        return;
    index_free(reflection->index);
    free(reflection->names);
    free(reflection->list);
    free(reflection);
}
