/* What goes over the stream to User, in the log: at level debug, a line for each message that
 * has ids or names in it. The names themselves are nobody's business who reads a log. A long line
 * is cut. Any thread. */
#ifndef STREAMS_RESOLVER_LOG_H
#define STREAMS_RESOLVER_LOG_H

#include <stddef.h>

#include "v1/user/user.pb-c.h"

/** "asks User for names: 1, 3" */
void resolver_log_asked(char *const *ids, size_t n);

/** "User tells the names of: 1, 3 (nobody)", asked or not. */
void resolver_log_told(const V1__User__ResolveUsersResponse *m);

#endif
