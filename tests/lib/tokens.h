/* Keys made on the spot, their public halves as a key set, and tokens signed
 * with them. */
#ifndef TESTS_TOKENS_H
#define TESTS_TOKENS_H

#include <cjose/jwk.h>

#include "base/bytes.h"

/** A new RSA key of @bits, or an EC key; release with cjose_jwk_release(). */
cjose_jwk_t *tokens_rsa_key(const char *kid, unsigned bits);
cjose_jwk_t *tokens_ec_key(const char *kid, cjose_jwk_ec_curve curve);

/** {"keys":[...]} of their public halves; @members is put into each key, as
 * "\"use\":\"enc\"", and may be NULL. free() it. */
char *tokens_key_set(cjose_jwk_t *const *keys, size_t n, const char *members);

/** A token with these claims (JSON) and header: @alg, and @kid if not NULL.
 * free() it. */
char *tokens_sign(cjose_jwk_t *key, const char *alg, const char *kid, const char *claims);

/** The same with any header (JSON), and any text for a signature. */
char *tokens_put(const char *header, const char *claims, const char *signature);

#endif
