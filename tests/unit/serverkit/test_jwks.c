/* Key sets: which keys count. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/leaks.h"
#include "lib/tokens.h"
#include "serverkit/auth/jwks.h"

static struct jwks *parse_good(const char *text)
{
    char error[JWKS_ERROR] = "";
    struct jwks *keys = NULL;
    cr_assert_eq(jwks_parse(&keys, bytes_of_text(text), error), 0, "%s: %s", text, error);
    return keys;
}

static void expect_bad(const char *word, const char *text)
{
    char error[JWKS_ERROR] = "";
    struct jwks *keys = NULL;
    cr_assert_eq(jwks_parse(&keys, bytes_of_text(text), error), EINVAL, "%s", text);
    cr_assert_not_null(strstr(error, word), "\"%s\" is in \"%s\"", word, error);
    cr_assert_null(keys);
}

static size_t count(const struct jwks *keys, const char *algorithm, const char *kid)
{
    size_t place = 0, n = 0;
    while (jwks_next(keys, jws_algorithm_find(algorithm), kid, &place) != NULL)
        n++;
    return n;
}

Test(jwks, finds_keys_by_algorithm_and_id)
{
    cjose_jwk_t *made[] = { tokens_rsa_key("a", 2048), tokens_ec_key("b", CJOSE_JWK_EC_P_256),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_384),
                            tokens_ec_key(NULL, CJOSE_JWK_EC_P_256) };
    char *text = tokens_key_set(made, 4, NULL);
    struct jwks *keys = parse_good(text);
    cr_assert_eq(count(keys, "RS256", "a"), 1);
    cr_assert_eq(count(keys, "PS512", "a"), 1);
    cr_assert_eq(count(keys, "ES256", "a"), 0);
    cr_assert_eq(count(keys, "ES256", "b"), 1);
    cr_assert_eq(count(keys, "ES256", NULL), 2);
    cr_assert_eq(count(keys, "ES384", "b"), 1);
    cr_assert_eq(count(keys, "ES512", "b"), 0);
    cr_assert_eq(count(keys, "RS256", "A"), 0);
    jwks_free(keys);
    free(text);
    for (size_t i = 0; i < 4; i++)
        cjose_jwk_release(made[i]);
    assert_no_leaks();
}

Test(jwks, keeps_a_key_to_its_algorithm)
{
    cjose_jwk_t *made = tokens_rsa_key("a", 2048);
    char *text = tokens_key_set(&made, 1, "\"alg\":\"PS256\"");
    struct jwks *keys = parse_good(text);
    cr_assert_eq(count(keys, "PS256", "a"), 1);
    cr_assert_eq(count(keys, "RS256", "a"), 0);
    jwks_free(keys);
    free(text);
    cjose_jwk_release(made);
}

Test(jwks, skips_keys_that_are_for_something_else)
{
    static const char *const members[] = { "\"use\":\"enc\"", "\"key_ops\":[\"encrypt\"]" };
    cjose_jwk_t *made = tokens_ec_key("a", CJOSE_JWK_EC_P_256);
    for (size_t i = 0; i < 2; i++) {
        char *text = tokens_key_set(&made, 1, members[i]);
        expect_bad("is not for", text);
        free(text);
    }
    cjose_jwk_release(made);
}

Test(jwks, skips_keys_that_are_weak_secret_or_unknown)
{
    cjose_jwk_t *small = tokens_rsa_key("a", 1024);
    char *text = tokens_key_set(&small, 1, NULL);
    expect_bad("2048 bits", text);
    expect_bad("neither RSA nor EC", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}");
    expect_bad("neither RSA nor EC", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}");
    expect_bad("damaged", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}");
    expect_bad("damaged", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\"}]}");
    expect_bad("damaged",
               "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"A=AA\",\"y\":\"AA\"}]}");
    expect_bad("damaged", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQABA===\"}]}");
    expect_bad("neither", "{\"keys\":[7]}");
    free(text);
    cjose_jwk_release(small);
}

Test(jwks, takes_the_good_keys_among_others)
{
    cjose_jwk_t *made = tokens_ec_key("a", CJOSE_JWK_EC_P_256);
    char *one = cjose_jwk_to_json(made, false, NULL), *text;
    cr_assert_gt(asprintf(&text, "{\"keys\":[{\"kty\":\"new\"},%s,{\"kty\":\"oct\"}]}", one), 0);
    struct jwks *keys = parse_good(text);
    cr_assert_eq(count(keys, "ES256", "a"), 1);
    jwks_free(keys);
    free(text);
    free(one);
    cjose_jwk_release(made);
}

Test(jwks, refuses_what_is_no_key_set)
{
    expect_bad("not JSON", "");
    expect_bad("not JSON", "<html>");
    expect_bad("not JSON", "{\"keys\":[],\"keys\":[]}");
    expect_bad("no array", "{}");
    expect_bad("no array", "[]");
    expect_bad("no array", "{\"keys\":{}}");
    jwks_free(parse_good("{\"keys\":[]}")); /* all were withdrawn */
}

Test(jwks, refuses_too_many_keys)
{
    char text[4096] = "{\"keys\":[";
    for (int i = 0; i <= JWKS_KEYS_MAX; i++)
        strcat(text, i > 0 ? ",{}" : "{}");
    strcat(text, "]}");
    expect_bad("more than", text);
}

Test(jwks, knows_no_shared_secret_and_no_none)
{
    static const char *const others[] = { "none", "HS256", "HS384", "HS512", "rs256", "", "EdDSA" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert_null(jws_algorithm_find(others[i]), "%s", others[i]);
}
