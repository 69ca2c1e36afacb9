/* The interceptor that asks each call for a token: "authorization: Bearer …".
 *
 *   no token, or no good one       UNAUTHENTICATED
 *   it lacks the method's scope    PERMISSION_DENIED
 *   it cannot be checked now       UNAVAILABLE
 *
 * A good one makes stream->identity. Methods without a scope (health) pass. A
 * call is checked when it begins, not while it lasts. No message has anything
 * of a token in it. */
#ifndef AUTH_CHECK_TOKEN_H
#define AUTH_CHECK_TOKEN_H

#include "runtime/interceptor.h"
#include "verifier.h"

struct token_check {
    struct verifier *verifier;
    bool open_reflection;
};

/* For chain_add(), with a struct token_check. */
extern const struct interceptor check_token;

/** The token of an "authorization" header: what follows "Bearer " (in any
 * case); data == NULL: it has none. */
struct bytes bearer_token(struct bytes header);

#endif
