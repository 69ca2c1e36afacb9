/* A signed JSON Web Token (RFC 7519, RFC 9068), checked. */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "jwks.h"
#include "weir/identity.h"

#define JWT_MAX_BYTES (16 << 10)
#define JWT_LEEWAY_S  30 /* clocks differ */

/* What a token must say. */
struct jwt_rules {
    const char *issuer;   /* "iss" is this */
    const char *audience; /* "aud" is this, or has it */
};

enum jwt_result {
    JWT_GOOD,
    JWT_BAD,
    JWT_NO_MEMORY,   /* nobody knows */
    JWT_UNKNOWN_KEY, /* maybe it is signed with a newer key than we have */
};

/** Whether @token has the form of a JWT: three parts with dots between. */
bool jwt_looks_like(struct bytes token);

/** Checks the signature with one of @keys and the claims by @rules at @now_s
 * (seconds since 1970). The token must expire, and may say from when it is
 * good. Who it stands for is its "sub", else "client_id" or "azp"; the scopes
 * are in "scope" or "scp", as words of one text or as an array of texts.
 *   JWT_GOOD  and *ret, with a reference that is the caller's
 *   else      *ret_why says what is wrong, and nothing of the token; it is
 *             fit for whoever sent it */
enum jwt_result jwt_check(struct bytes token, const struct jwks *keys,
                          const struct jwt_rules *rules, int64_t now_s, struct identity **ret,
                          const char **ret_why);

#endif
