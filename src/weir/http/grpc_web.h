/* The answers of gRPC-Web, for dialects that differ from it in how messages are coded. */
#ifndef HTTP_GRPC_WEB_H
#define HTTP_GRPC_WEB_H

#include "dialect.h"

/** Whether a content type is gRPC-Web's with messages in JSON. */
bool grpc_web_is_json(struct bytes type);

/** dialect.head(), with the content type @type. */
void grpc_web_put_head(const struct dialect_call *d, struct answer *a, const struct status *status,
                       const char *type);

/** dialect.end(): the frame with the trailers, if a message was sent. */
bool grpc_web_end(const struct dialect_call *d, const struct status *status, bool started,
                  struct buf *to);

#endif
