/* What the codes of gRPC are called elsewhere. Any thread. */
#ifndef WEB_CODES_H
#define WEB_CODES_H

#include "weir/status.h"

/** The HTTP status that a call is answered with: of Connect and of grpc-gateway, which agree. A
 * code without a name is 500. */
unsigned http_status_of(enum status_code code);

/** The code in Connect's errors: "not_found". A code without a name is "unknown". */
const char *connect_code_of(enum status_code code);

#endif
