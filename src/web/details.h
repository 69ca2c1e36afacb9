/* What a call's end says to programs, for dialects that tell it in their own way. */
#ifndef WEB_DETAILS_H
#define WEB_DETAILS_H

#include "weir/http/dialect.h"

#define DETAILS_MAX_BYTES 8192

/** The google.rpc.Status in the call's trailers, written to @room (DETAILS_MAX_BYTES). Empty:
 * there is none, or it has no place. */
struct bytes details_of(const struct dialect_call *d, uint8_t *room);

/** As dialect_trailer(), without those details. *n counts, from 0. */
bool details_next_trailer(const struct dialect_call *d, size_t *n, struct bytes *ret_name,
                          struct bytes *ret_value);

/** What HTTP has headers for: "retry-after", and for who is not known "www-authenticate". */
void details_put_headers(struct answer *a, const struct status *status);

#endif
