/* The Connect protocol (https://connectrpc.com/docs/protocol): unary calls by POST and, of
 * methods that only read, by GET; streams in envelopes; messages in protobuf or JSON. Fields that
 * a message does not have are ignored, as Connect's own servers do. */
#ifndef WEB_CONNECT_PROTOCOL_H
#define WEB_CONNECT_PROTOCOL_H

#include "weir/http/dialect.h"

/* Its argument is a struct web_api. */
extern const struct protocol connect_protocol;

#endif
