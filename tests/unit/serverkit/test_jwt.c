/* Signed tokens: what is good, and every way not to be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/tokens.h"
#include "serverkit/auth/jwt.h"

#define NOW   1800000000
#define GOOD  "\"iss\":\"https://issuer\",\"aud\":\"posts\",\"sub\":\"ann\",\"scope\":\"read write\""
#define UNTIL ",\"exp\":1800000600"

static const struct jwt_rules rules = { .issuer = "https://issuer", .audience = "posts" };

static cjose_jwk_t *rsa, *ec;
static struct jwks *keys;

static void set_up(void)
{
    char error[JWKS_ERROR];
    rsa = tokens_rsa_key("r", 2048);
    ec = tokens_ec_key("e", CJOSE_JWK_EC_P_256);
    char *set = tokens_key_set((cjose_jwk_t *[]){ rsa, ec }, 2, NULL);
    cr_assert_eq(jwks_parse(&keys, bytes_of_text(set), error), 0, "%s", error);
    free(set);
}

static void tear_down(void)
{
    jwks_free(keys);
    cjose_jwk_release(rsa);
    cjose_jwk_release(ec);
    assert_no_leaks();
}

TestSuite(jwt, .init = set_up, .fini = tear_down);

static enum jwt_result check(const char *token, struct identity **ret, const char **why)
{
    return jwt_check(bytes_of_text(token), keys, &rules, NOW, ret, why);
}

/* Frees the token. */
static struct identity *expect_good(char *token)
{
    struct identity *id = NULL;
    const char *why;
    cr_assert_eq(check(token, &id, &why), JWT_GOOD, "%s: %s", token, why);
    cr_assert_null(why);
    free(token);
    return id;
}

static void expect(enum jwt_result result, const char *word, char *token)
{
    struct identity *id = NULL;
    const char *why;
    cr_assert_eq(check(token, &id, &why), result, "%.100s: %s", token, why ? why : "good");
    cr_assert_not_null(strstr(why, word), "\"%s\" is in \"%s\"", word, why);
    cr_assert_null(id);
    free(token);
}

static void expect_bad_claims(const char *word, const char *claims)
{
    expect(JWT_BAD, word, tokens_sign(ec, "ES256", "e", claims));
}

/* --- Good ones ---------------------------------------------------------------------- */

Test(jwt, says_who_and_what)
{
    struct identity *id = expect_good(tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}"));
    cr_assert_str_eq(id->name, "ann");
    cr_assert_str_eq(id->scopes, "read write");
    cr_assert_eq(id->expires_s, 1800000600 + JWT_LEEWAY_S);
    identity_unref(id);
    tear_down();
    set_up();
}

Test(jwt, accepts_every_algorithm_with_its_key)
{
    static const char *const names[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        identity_unref(expect_good(tokens_sign(rsa, names[i], "r", "{" GOOD UNTIL "}")));
    identity_unref(expect_good(tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}")));
}

Test(jwt, accepts_the_larger_curves)
{
    char error[JWKS_ERROR];
    cjose_jwk_t *more[] = { tokens_ec_key("a", CJOSE_JWK_EC_P_384),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_521) };
    char *set = tokens_key_set(more, 2, "\"use\":\"sig\",\"key_ops\":[\"verify\"]");
    jwks_free(keys);
    cr_assert_eq(jwks_parse(&keys, bytes_of_text(set), error), 0, "%s", error);
    identity_unref(expect_good(tokens_sign(more[0], "ES384", "a", "{" GOOD UNTIL "}")));
    identity_unref(expect_good(tokens_sign(more[1], "ES512", "b", "{" GOOD UNTIL "}")));
    expect(JWT_UNKNOWN_KEY, "not signed with a key",
           tokens_sign(ec, "ES256", "a", "{" GOOD UNTIL "}"));
    free(set);
    cjose_jwk_release(more[0]);
    cjose_jwk_release(more[1]);
}

Test(jwt, finds_the_key_of_a_token_that_names_none)
{
    identity_unref(expect_good(tokens_sign(rsa, "RS256", NULL, "{" GOOD UNTIL "}")));
    identity_unref(expect_good(tokens_sign(ec, "ES256", NULL, "{" GOOD UNTIL "}")));
}

Test(jwt, reads_scopes_however_they_are_written)
{
    static const struct {
        const char *claim, *scopes;
    } rows[] = {
        { "\"scope\":\"read\"", "read" },
        { "\"scp\":[\"read\",\"write\"]", "read write" },
        { "\"scp\":\"read write\"", "read write" },
        { "\"scope\":[\"read\"],\"scp\":[\"write\"]", "read write" },
        { "\"scope\":\"\"", "" },
        { "\"scope\":17,\"scp\":[true,null,{\"read\":1}]", "" },
        { "\"other\":\"read\"", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char claims[300];
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"https://issuer\",\"aud\":\"posts\",%s" UNTIL "}", rows[i].claim);
        struct identity *id = expect_good(tokens_sign(ec, "ES256", "e", claims));
        cr_assert_str_eq(id->scopes, rows[i].scopes, "%s", rows[i].claim);
        identity_unref(id);
    }
}

Test(jwt, names_a_client_that_is_no_person)
{
    static const struct {
        const char *claim, *name;
    } rows[] = {
        { "\"sub\":\"ann\",\"client_id\":\"app\"", "ann" },
        { "\"client_id\":\"app\",\"azp\":\"other\"", "app" },
        { "\"sub\":\"\",\"azp\":\"other\"", "other" },
        { "\"sub\":5", "(unnamed)" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char claims[300];
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"https://issuer\",\"aud\":\"posts\",%s" UNTIL "}", rows[i].claim);
        struct identity *id = expect_good(tokens_sign(ec, "ES256", "e", claims));
        cr_assert_str_eq(id->name, rows[i].name, "%s", rows[i].claim);
        identity_unref(id);
    }
}

Test(jwt, takes_one_audience_of_many)
{
    identity_unref(expect_good(tokens_sign(
        ec, "ES256", "e", "{\"iss\":\"https://issuer\",\"aud\":[\"users\",\"posts\"]" UNTIL "}")));
}

Test(jwt, forgives_clocks_that_differ)
{
    identity_unref(expect_good(tokens_sign(ec, "ES256", "e", "{" GOOD ",\"exp\":1799999971}")));
    identity_unref(
        expect_good(tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL ",\"nbf\":1800000030}")));
    expect_bad_claims("expired", "{" GOOD ",\"exp\":1799999970}");
    expect_bad_claims("not valid yet", "{" GOOD UNTIL ",\"nbf\":1800000031}");
}

/* --- Claims ------------------------------------------------------------------------- */

Test(jwt, refuses_wrong_claims)
{
    expect_bad_claims("expired", "{" GOOD ",\"exp\":1700000000}");
    expect_bad_claims("never expires", "{" GOOD "}");
    expect_bad_claims("never expires", "{" GOOD ",\"exp\":\"1800000600\"}");
    expect_bad_claims("not valid yet", "{" GOOD UNTIL ",\"nbf\":1800000500}");
    expect_bad_claims("not a number", "{" GOOD UNTIL ",\"nbf\":\"soon\"}");
    expect_bad_claims("audience", "{\"iss\":\"https://issuer\",\"aud\":\"others\"" UNTIL "}");
    expect_bad_claims("audience", "{\"iss\":\"https://issuer\",\"aud\":[\"postsx\"]" UNTIL "}");
    expect_bad_claims("audience", "{\"iss\":\"https://issuer\"" UNTIL "}");
    expect_bad_claims("issuer", "{\"iss\":\"https://issuer/\",\"aud\":\"posts\"" UNTIL "}");
    expect_bad_claims("issuer", "{\"aud\":\"posts\"" UNTIL "}");
    expect_bad_claims("not a JSON object", "[]");
    expect_bad_claims("not a JSON object", "hello");
    expect_bad_claims("not a JSON object", "{" GOOD UNTIL ",\"aud\":\"posts\"}"); /* twice */
}

/* --- Signatures --------------------------------------------------------------------- */

Test(jwt, refuses_another_key)
{
    cjose_jwk_t *other = tokens_ec_key("e", CJOSE_JWK_EC_P_256);
    expect(JWT_BAD, "signature", tokens_sign(other, "ES256", "e", "{" GOOD UNTIL "}"));
    expect(JWT_UNKNOWN_KEY, "key", tokens_sign(other, "ES256", "new", "{" GOOD UNTIL "}"));
    expect(JWT_UNKNOWN_KEY, "key", tokens_sign(other, "ES256", NULL, "{" GOOD UNTIL "}"));
    cjose_jwk_release(other);
}

Test(jwt, refuses_changed_parts)
{
    char *token = tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}");
    const size_t len = strlen(token);
    const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
    for (size_t i = 0; i < len; i += 3) {
        struct identity *id = NULL;
        const char *why;
        const char was = token[i];
        if (token + i == first || token + i == second || i == len - 1)
            continue; /* the last character's low bits do not count */
        token[i] = was == 'A' ? 'B' : 'A';
        cr_assert_neq(check(token, &id, &why), JWT_GOOD, "character %zu", i);
        token[i] = was;
    }
    free(token);
}

Test(jwt, refuses_signatures_of_a_wrong_length)
{
    char *token = tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}"), *longer;
    /* A byte more: cjose by itself would take the two halves of 64 of 65 bytes. */
    cr_assert_gt(asprintf(&longer, "%sA", token), 0);
    expect(JWT_BAD, "signature", longer);
    token[strlen(token) - 4] = '\0';
    expect(JWT_BAD, "signature", token);
}

/* The attacks of the textbooks. */
Test(jwt, refuses_none)
{
    expect(JWT_BAD, "not accepted", tokens_put("{\"alg\":\"none\"}", "{" GOOD UNTIL "}", "AAAA"));
    expect(JWT_BAD, "not accepted", tokens_put("{\"alg\":\"None\"}", "{" GOOD UNTIL "}", "AAAA"));
    expect(JWT_BAD, "not a signed", tokens_put("{\"alg\":\"none\"}", "{" GOOD UNTIL "}", ""));
}

Test(jwt, refuses_the_public_key_as_a_secret)
{
    char *public_key = cjose_jwk_to_json(rsa, false, NULL);
    cjose_jwk_t *secret =
        cjose_jwk_create_oct_spec((const uint8_t *)public_key, strlen(public_key), NULL);
    expect(JWT_BAD, "not accepted", tokens_sign(secret, "HS256", "r", "{" GOOD UNTIL "}"));
    cjose_jwk_release(secret);
    free(public_key);
}

Test(jwt, refuses_an_algorithm_that_the_key_is_not_for)
{
    expect(JWT_UNKNOWN_KEY, "key", tokens_sign(rsa, "RS256", "e", "{" GOOD UNTIL "}"));
    expect(JWT_UNKNOWN_KEY, "key", tokens_sign(ec, "ES256", "r", "{" GOOD UNTIL "}"));
}

Test(jwt, refuses_headers_it_does_not_understand)
{
    expect(JWT_BAD, "no algorithm", tokens_put("{}", "{}", "AAAA"));
    expect(JWT_BAD, "no algorithm", tokens_put("{\"alg\":256}", "{}", "AAAA"));
    expect(JWT_BAD, "no algorithm", tokens_put("[\"alg\"]", "{}", "AAAA"));
    expect(JWT_BAD, "no algorithm", tokens_put("hello", "{}", "AAAA"));
    expect(JWT_BAD, "no algorithm",
           tokens_put("{\"alg\":\"none\",\"alg\":\"ES256\"}", "{}", "AAAA"));
    expect(JWT_BAD, "not accepted", tokens_put("{\"alg\":\"ES257\"}", "{}", "AAAA"));
    expect(JWT_BAD, "extensions",
           tokens_put("{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", "{}", "AAAA"));
}

/* --- Garbage ------------------------------------------------------------------------ */

Test(jwt, refuses_what_is_no_token)
{
    static const char *const garbage[] = { "",        ".",       "..",     "...",
                                           "a.b",     "a.b.c.d", "a..c",   "hello",
                                           "a b.c.d", "é.b.c",   "a.b.c=", "eyJ9.e30.AA" };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        struct identity *id = NULL;
        const char *why;
        cr_assert_eq(check(garbage[i], &id, &why), JWT_BAD, "%s", garbage[i]);
    }
}

Test(jwt, refuses_what_is_huge)
{
    char *token = tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}");
    char *huge = malloc(1 << 20);
    memset(huge, 'A', 1 << 20);
    huge[(1 << 20) - 1] = '\0';
    memcpy(huge + (1 << 20) - 1 - strlen(token), token, strlen(token));
    free(token);
    expect(JWT_BAD, "too long", huge);
}

Test(jwt, survives_every_cut_and_noise)
{
    char *token = tokens_sign(rsa, "RS256", "r", "{" GOOD UNTIL "}");
    const size_t len = strlen(token);
    unsigned seed = 1;
    for (size_t i = 0; i < len; i++) {
        struct identity *id = NULL;
        const char *why;
        char *cut = strndup(token, i);
        cr_assert_neq(check(cut, &id, &why), JWT_GOOD, "the first %zu characters", i);
        for (size_t k = 0; k < i; k++)
            if (rand_r(&seed) % 16 == 0)
                cut[k] = (char)(1 + rand_r(&seed) % 255);
        cr_assert_neq(check(cut, &id, &why), JWT_GOOD);
        free(cut);
    }
    free(token);
}

/* Its owner is not to blame, and may try again. */
Test(jwt, without_memory_it_is_not_bad)
{
    struct identity *id = NULL;
    const char *why;
    char *token = tokens_sign(ec, "ES256", "e", "{" GOOD UNTIL "}");
    heap_fail_at(1);
    cr_assert_eq(check(token, &id, &why), JWT_NO_MEMORY);
    cr_assert(heap_failed());
    cr_assert_not_null(strstr(why, "out of memory"));
    cr_assert_null(id);
    heap_fail_at(0);
    identity_unref(expect_good(token));
}
