/* What a token may allow: the scopes of methods (weir/server.h), which check_token.h
 * compares with those of the caller. No scope includes another, so whoever may write
 * may not delete. */
#ifndef AUTH_SCOPES_H
#define AUTH_SCOPES_H

#define SCOPE_READ   "read"
#define SCOPE_WRITE  "write"
#define SCOPE_DELETE "delete"

#endif
