/* What a token may be good for: the scopes of methods (weir/server.h), which
 * check_token.h compares with those of the caller. None includes another: who may
 * write may not delete. */
#ifndef AUTH_SCOPES_H
#define AUTH_SCOPES_H

#define SCOPE_READ   "read"
#define SCOPE_WRITE  "write"
#define SCOPE_DELETE "delete"

#endif
