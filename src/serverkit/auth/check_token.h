/* The interceptor that asks each call for a token: "authorization: Bearer …".
 *
 *   there is no token, or it is bad    UNAUTHENTICATED
 *   it lacks the method's scope        PERMISSION_DENIED
 *   it cannot be checked now           UNAVAILABLE
 *   too many bad tokens came lately
 *   from this address                  RESOURCE_EXHAUSTED, and it is not checked
 *
 * A token that is known to be good always passes. So of several clients behind
 * one proxy, one that guesses does not shut the others out.
 *
 * A good token sets stream->identity. Methods without a scope pass: health, and
 * reflection if it is open. A call is checked when it begins, and not while it
 * lasts. No message contains any part of a token. */
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
