/* The public keys that tokens are signed with: a JSON Web Key Set (RFC 7517).
 *
 * Only signatures that need a private key are accepted. With a shared secret
 * (HS256) everyone who can check a token could make one too. So keys of that type
 * are skipped. So are keys for encryption, keys that are too small, and keys of
 * unknown types. A key set belongs to one loop, because cjose's keys have no lock. */
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

/** Reads a key set. A set without any key is accepted, and then no token is good. A
 * set whose keys cannot be used is refused. Returns 0 and *ret, or EINVAL, and then
 * *error* says what is wrong, or ENOMEM. */
int jwks_parse(struct jwks **ret, struct bytes json, char error[JWKS_ERROR]);

/** The keys that a token of this algorithm and key id (NULL: it names none)
 * may be signed with, one after the other: begin with *place = 0. NULL: there
 * are no more. The key belongs to the set. */
const cjose_jwk_t *jwks_next(const struct jwks *keys, const struct jws_algorithm *algorithm,
                             const char *kid, size_t *place);

/** Frees it. NULL is fine. */
void jwks_free(struct jwks *keys);

#endif
