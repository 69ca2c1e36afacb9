/* What a status says beside code and message: google.rpc.Status, as the server sent it. */
#ifndef CLI_CALL_DETAILS_H
#define CLI_CALL_DETAILS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "client-cli/frame/session.h"
#include "pbjson/pool.h"

/** Prints a line on standard error for each detail in @status, a google.rpc.Status as bytes:
 * "detail google.rpc.ErrorInfo {...}". Types are looked for in @pool and among those of
 * google/rpc/error_details.proto; of one that is unknown there are no more than its name and
 * size. Loop thread. */
void call_details_say(struct session *s, const struct pb_pool *pool, struct bytes status);

#endif
