/* Key sets, as an issuer may send them: refused with a reason, or what is in
 * them can check signatures and is no shared secret. */
#include "serverkit/auth/jwks.h"
#include "fuzz.h"

static const char *const algorithms[] = { "RS256", "PS512", "ES256", "ES384", "ES512" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwks *keys = NULL;
    char error[JWKS_ERROR] = "";
    if (jwks_parse(&keys, bytes_of(data, size), error) != 0) {
        cr_assert(keys == NULL && error[0] != '\0' && strchr(error, '\n') == NULL);
        return 0;
    }
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const struct jws_algorithm *algorithm = jws_algorithm_find(algorithms[i]);
        size_t place = 0, n = 0;
        for (const cjose_jwk_t *k; (k = jwks_next(keys, algorithm, NULL, &place)) != NULL; n++)
            cr_assert_eq(cjose_jwk_get_kty(k, NULL), algorithm->type);
        cr_assert(n <= JWKS_KEYS_MAX);
    }
    jwks_free(keys);
    return 0;
}
