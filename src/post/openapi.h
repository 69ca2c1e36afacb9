/* What the server answers by HTTP alone, as OpenAPI has it: made while this tree is built. */
#ifndef POST_OPENAPI_H
#define POST_OPENAPI_H

#include "base/bytes.h"

extern const uint8_t post_openapi[], post_openapi_end[]; /* openapi.S */

static inline struct bytes post_openapi_document(void)
{
    return bytes_of(post_openapi, (size_t)(post_openapi_end - post_openapi));
}

#endif
