/* The interceptor that asks each call for a token: "authorization: Bearer …".
 *
 *   no token, or no good one       UNAUTHENTICATED
 *   it lacks the method's scope    PERMISSION_DENIED
 *   it cannot be checked now       UNAVAILABLE
 *   too many bad ones lately, all
 *   from this address              RESOURCE_EXHAUSTED, and it is not checked
 *
 * Tokens that are known to be good are never too many: of those behind one
 * proxy, one that guesses does not shut the others out.
 *
 * A good one makes stream->identity. Methods without a scope pass: health, and
 * reflection if it is to be open. A call is checked when it begins, not while it
 * lasts. No message has anything of a token in it. */
#ifndef AUTH_CHECK_TOKEN_H
#define AUTH_CHECK_TOKEN_H

#include "serverkit/intercept/limits.h"
#include "verifier.h"
#include "weir/interceptor.h"

struct token_check {
    struct verifier *verifier;
    struct limits *bad; /* tokens, by address; NULL: any number */
};

/* For chain_add(), with a struct token_check. */
extern const struct interceptor check_token;

/** The token of an "authorization" header: what follows "Bearer " (in any
 * case); data == NULL: it has none. */
struct bytes bearer_token(struct bytes header);

#endif
