/* What a server answers by HTTP alone, described as OpenAPI 3.1 has it
 * (https://spec.openapis.org/oas/v3.1.1.html). It is made while this tree is built, from the
 * descriptors: the same ones give the same bytes. */
#ifndef WEB_OPENAPI_H
#define WEB_OPENAPI_H

#include "api.h"
#include "comments.h"

struct openapi_input {
    const struct web_api *api; /* with the routes to be described */
    const struct comments *comments;
    const struct service *const *services;
    size_t nservices;
    const char *version;
};

/** Appends the document. Returns 0, ENOMEM; or EMSGSIZE: there are too many types. */
int openapi_write(struct buf *b, const struct openapi_input *in);

#endif
