/* What the files of reflection share; for nobody else.
 *
 *   reflection_index.c    names and where they are defined
 *   reflection.c          the services, made of an index
 *   reflection_service.c  the call: requests and their answers */
#ifndef REFLECTION_INTERNAL_H
#define REFLECTION_INTERNAL_H

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "reflection.h"
#include "reflection_index.h"
#include "weir/server.h"

struct reflection {
    struct index *index;
    /* The answer to list_services. */
    Grpc__Reflection__V1__ServiceResponse *names;
    Grpc__Reflection__V1__ServiceResponse **list;
    size_t nlist;
    struct method methods[REFLECTION_NSERVICES];
    struct service services[REFLECTION_NSERVICES];
};

extern const struct stream_handler reflection_handler; /* the method's data is the reflection */

#endif
