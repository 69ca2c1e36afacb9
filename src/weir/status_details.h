/* What a status says to programs, as gRPC carries it: google.rpc.Status in the
 * trailer "grpc-status-details-bin", with an ErrorInfo always, a BadRequest where
 * a field is to blame, a RetryInfo where there is a time. Any thread. */
#ifndef WEIR_STATUS_DETAILS_H
#define WEIR_STATUS_DETAILS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "status.h"

#define STATUS_DETAILS_NAME "grpc-status-details-bin"
#define STATUS_DETAILS_MAX  2048 /* bytes; a client takes 8 KiB of trailers */

/** Writes the details of @status to @to and returns how many bytes they take.
 * @path is of the method; its service is the domain of the reason. */
size_t status_details_pack(const struct status *status, const char *path,
                           uint8_t to[STATUS_DETAILS_MAX]);

/** Sets what @details say of @status. They come from a peer: what is no such
 * message, is of another code, or has bytes that do not belong there is left
 * out. */
void status_details_unpack(struct bytes details, struct status *status);

#endif
