/* ResolveUsers: names for ids, and changed names unasked.
 *
 * A stream is told of changes from before its first request is read: it waits for news
 * (weir/news.h) and reads the store's log of changes from the revision that it has told.
 * Names are read from the store when a message is built, and messages leave in the order
 * they were built; so the last word of a stream on an id is always the newest.
 *
 * Back-pressure: while messages cannot leave, at most RESOLVE_REQUESTS
 * requests are kept and no more are read, and of changes nothing but the revision. Where
 * those are more than CHANGES_MAX by then, or not in the log any more, one
 * invalidate_all says all of them. */
#ifndef USER_RESOLVE_USERS_H
#define USER_RESOLVE_USERS_H

#include "weir/stream.h"

#define RESOLVE_IDS_MAX  1000 /* in a request, and in a message */
#define RESOLVE_REQUESTS 4
#define CHANGES_MAX      4096
#define CHANGES_KEPT     ((uint64_t)4 * CHANGES_MAX) /* in User's log, which nobody else reads */

extern const struct stream_handler resolve_handler;

#endif
