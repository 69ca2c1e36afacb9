/* The public keys that tokens are signed with: a JSON Web Key Set (RFC 7517).
 *
 * Only signatures that need a private key count. A shared secret (HS256) would
 * let everyone who can check a token make one too; so keys of that type are
 * skipped, as are those for encryption, those too small, and those of types
 * that are not known here. Belongs to one loop: cjose's keys have no lock. */
#ifndef AUTH_JWKS_H
#define AUTH_JWKS_H

#include <cjose/jwk.h>
#include <stddef.h>

#include "base/bytes.h"

#define JWKS_KEYS_MAX  64
#define JWKS_MAX_BYTES (256 << 10)
#define JWKS_ERROR     256

/* What may sign a token. */
struct jws_algorithm {
    const char *name; /* "ES256" */
    cjose_jwk_kty_t type;
    cjose_jwk_ec_curve curve; /* CJOSE_JWK_EC_INVALID for RSA */
    size_t signature_bytes;   /* 0 for RSA: as long as the key */
};

/** RS256 to RS512, PS256 to PS512, ES256 to ES512; NULL for all else. */
const struct jws_algorithm *jws_algorithm_find(const char *name);

struct jwks;

/** Reads a key set. One without any key is fine (no token is good then); one
 * with keys of which none can be used is not. Returns 0 and *ret, or EINVAL
 * and *error* says what is wrong, or ENOMEM. */
int jwks_parse(struct jwks **ret, struct bytes json, char error[JWKS_ERROR]);

/** The keys that a token of this algorithm and key id (NULL: it names none)
 * may be signed with, one after the other: begin with *place = 0. NULL: there
 * are no more. The key belongs to the set. */
const cjose_jwk_t *jwks_next(const struct jwks *keys, const struct jws_algorithm *algorithm,
                             const char *kid, size_t *place);

/** NULL is fine. */
void jwks_free(struct jwks *keys);

#endif
