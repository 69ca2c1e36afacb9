/* What the server answers by HTTP alone, as OpenAPI has it: made while this tree is built. */
#ifndef USER_OPENAPI_H
#define USER_OPENAPI_H

#include "base/bytes.h"

extern const uint8_t user_openapi[], user_openapi_end[]; /* openapi.S */

static inline struct bytes user_openapi_document(void)
{
    return bytes_of(user_openapi, (size_t)(user_openapi_end - user_openapi));
}

#endif
