/* gRPC-Web with messages in JSON, "application/grpc-web+json": the same frames and trailers. The
 * console calls methods of many requests so, over a WebSocket. Fields that a message does not
 * have are ignored, as Connect does. */
#ifndef WEB_GRPC_WEB_JSON_H
#define WEB_GRPC_WEB_JSON_H

#include "weir/http/dialect.h"

/* Its argument is a struct web_api. */
extern const struct protocol grpc_web_json_protocol;

#endif
