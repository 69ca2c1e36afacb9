/* Media types: what a body is, and which the client wants (RFC 9110, 8.3 and 12.5.1). Any
 * thread. */
#ifndef WEB_MEDIA_H
#define WEB_MEDIA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/** A "content-type" without its parameters and blanks. */
struct bytes media_type(struct bytes content_type);

/** Whether they are the same, in whatever case. */
bool media_is(struct bytes type, const char *name);

/** Which of @offers, the dearest first, a client with this "accept" likes best: of those that it
 * likes best the first. An empty @accept takes the first. Returns @n if it takes none of them. */
size_t media_choose(struct bytes accept, const char *const *offers, size_t n);

#endif
