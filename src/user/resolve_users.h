/* ResolveUsers: names for ids, and changed names unasked.
 *
 * A stream is told of changes from before its first request is read. Names are
 * read from the store when a message is built, and messages leave in the order
 * they were built; so, with every change told after its commit, the last word
 * of a stream on an id is always the newest.
 *
 * Back-pressure: while messages cannot leave, at most RESOLVE_REQUESTS
 * requests are kept and no more are read, and at most CHANGES_MAX changed ids;
 * beyond those, one invalidate_all says the rest. */
#ifndef USER_RESOLVE_USERS_H
#define USER_RESOLVE_USERS_H

#include "weir/stream.h"

#define RESOLVE_IDS_MAX  1000 /* in a request, and in a message */
#define RESOLVE_REQUESTS 4

struct changes;
struct user_env;

extern const struct stream_handler resolve_handler;

/** Tells every open stream of the loop that these users changed; NULL: any may
 * have. Takes references of its own. Loop thread only. */
void resolve_tell_streams(struct user_env *env, struct changes *changes);

#endif
