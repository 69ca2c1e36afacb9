#include "tokens.h"

#include <assert.h>
#include <cjose/base64.h>
#include <cjose/jws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cjose_jwk_t *tokens_rsa_key(const char *kid, unsigned bits)
{
    static const uint8_t e[] = { 1, 0, 1 };
    cjose_jwk_t *key = cjose_jwk_create_RSA_random(bits, e, sizeof e, NULL);
    assert(key != NULL);
    if (kid != NULL)
        cjose_jwk_set_kid(key, kid, strlen(kid), NULL);
    return key;
}

cjose_jwk_t *tokens_ec_key(const char *kid, cjose_jwk_ec_curve curve)
{
    cjose_jwk_t *key = cjose_jwk_create_EC_random(curve, NULL);
    assert(key != NULL);
    if (kid != NULL)
        cjose_jwk_set_kid(key, kid, strlen(kid), NULL);
    return key;
}

char *tokens_key_set(cjose_jwk_t *const *keys, size_t n, const char *members)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fputs("{\"keys\":[", out);
    for (size_t i = 0; i < n; i++) {
        char *json = cjose_jwk_to_json(keys[i], false, NULL);
        fprintf(out, "%s{%s%s%s", i > 0 ? "," : "", members ? members : "", members ? "," : "",
                json + 1);
        free(json);
    }
    fputs("]}", out);
    fclose(out);
    return text;
}

char *tokens_sign(cjose_jwk_t *key, const char *alg, const char *kid, const char *claims)
{
    cjose_header_t *header = cjose_header_new(NULL);
    cjose_header_set(header, CJOSE_HDR_ALG, alg, NULL);
    if (kid != NULL)
        cjose_header_set(header, CJOSE_HDR_KID, kid, NULL);
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), NULL);
    const char *text;
    assert(jws != NULL);
    cjose_jws_export(jws, &text, NULL);
    char *copy = strdup(text);
    cjose_jws_release(jws);
    cjose_header_release(header);
    return copy;
}

char *tokens_put(const char *header, const char *claims, const char *signature)
{
    char *parts[2], *text;
    size_t len;
    cjose_base64url_encode((const uint8_t *)header, strlen(header), &parts[0], &len, NULL);
    cjose_base64url_encode((const uint8_t *)claims, strlen(claims), &parts[1], &len, NULL);
    if (asprintf(&text, "%s.%s.%s", parts[0], parts[1], signature) < 0)
        abort();
    free(parts[0]);
    free(parts[1]);
    return text;
}
