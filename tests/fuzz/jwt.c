/* Bearer tokens that are signed: any text in the place of a token, and any
 * claims and header in one that a known key has signed. What is found good was
 * signed by that key, for us, and is not good once a byte of it is another. */
#include <stdlib.h>

#include "fuzz.h"
#include "lib/tokens.h"
#include "serverkit/auth/jwt.h"

#define NOW_S 1800000000

static const struct jwt_rules rules = { .issuer = "https://issuer", .audience = "posts" };
static cjose_jwk_t *key;
static struct jwks *keys;

/* The key of RFC 7515, A.3: always the same, so that seeds stay good. */
static void make_key(void)
{
    static const char json[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
                               "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";
    char error[JWKS_ERROR];
    if (keys != NULL)
        return;
    key = cjose_jwk_import(json, sizeof json - 1, NULL);
    char *set = tokens_key_set(&key, 1, NULL);
    cr_assert_eq(jwks_parse(&keys, bytes_of_text(set), error), 0);
    free(set);
}

static bool is_good(struct bytes token)
{
    struct identity *id = NULL;
    const char *why = NULL;
    const bool good = jwt_check(token, keys, &rules, NOW_S, &id, &why) == JWT_GOOD;
    cr_assert(good == (id != NULL) && good == (why == NULL));
    if (good)
        cr_assert(jwt_looks_like(token) && id->name[0] != '\0' && id->expires_s >= NOW_S);
    identity_unref(id);
    return good;
}

static void check_signed(const char *claims, uint8_t where, uint8_t bits)
{
    char *token = tokens_sign(key, "ES256", "e", claims);
    const size_t len = strlen(token);
    if (is_good(bytes_of(token, len))) {
        cr_assert(strstr(claims, "issuer") != NULL && strstr(claims, "posts") != NULL);
        /* Not the last one: it has bits to spare. */
        token[where * (len - 1) / 256] ^= (char)(bits != 0 ? bits : 1);
        cr_assert(!is_good(bytes_of(token, len)));
    }
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    make_key();
    const bool sign = fuzz_byte(&in) & 1;
    const uint8_t where = fuzz_byte(&in), bits = fuzz_byte(&in);
    char *text = strndup((const char *)in.data, in.len);
    if (sign)
        check_signed(text, where, bits);
    else
        is_good(in);
    free(text);
    return 0;
}
