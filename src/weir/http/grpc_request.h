/* What gRPC's own headers say of a request; gRPC-Web has the same. */
#ifndef HTTP_GRPC_REQUEST_H
#define HTTP_GRPC_REQUEST_H

#include "dialect.h"

/** Reads the deadline and the encodings into *ret, zeroed before. What is wrong with them is
 * in ret->wrong. */
void grpc_request_read(struct stream *s, struct accepted *ret);

#endif
