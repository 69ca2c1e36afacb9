#include "jwks.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define RSA_MIN_BITS 2048

struct key {
    cjose_jwk_t *jwk;
    char *kid, *alg; /* NULL: not said */
};

struct jwks {
    size_t n;
    struct key keys[JWKS_KEYS_MAX];
};

/* --- Algorithms --------------------------------------------------------------------- */

#define RSA_KEY CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID, 0

static const struct jws_algorithm algorithms[] = {
    { "RS256", RSA_KEY },
    { "RS384", RSA_KEY },
    { "RS512", RSA_KEY },
    { "PS256", RSA_KEY },
    { "PS384", RSA_KEY },
    { "PS512", RSA_KEY },
    { "ES256", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_256, 64 },
    { "ES384", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_384, 96 },
    { "ES512", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_521, 132 },
};

const struct jws_algorithm *jws_algorithm_find(const char *name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

/* --- One key ------------------------------------------------------------------------ */

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool says_verify(json_t *operations)
{
    size_t i;
    json_t *one;
    json_array_foreach(operations, i,
                       one) if (json_is_string(one) &&
                                strcmp(json_string_value(one), "verify") == 0) return true;
    return false;
}

/* Before padding there are no characters to spare: some versions of cjose end
 * the process over one. */
static bool are_whole_bytes(json_t *json)
{
    static const char *const members[] = { "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi" };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *text = text_of(json, members[i]);
        if (text != NULL && strcspn(text, "=") % 4 == 1)
            return false;
    }
    return true;
}

/* Returns why a key is of no use to us, or NULL. */
static const char *useless(json_t *json)
{
    const char *type = text_of(json, "kty"), *use = text_of(json, "use");
    json_t *operations = json_object_get(json, "key_ops");
    if (type == NULL || (strcmp(type, "RSA") != 0 && strcmp(type, "EC") != 0))
        return "is neither RSA nor EC";
    if (use != NULL && strcmp(use, "sig") != 0)
        return "is not for signatures";
    if (operations != NULL && !says_verify(operations))
        return "is not for checking signatures";
    if (!are_whole_bytes(json))
        return "is damaged: it has bytes that are not base64url";
    return NULL;
}

static bool copy_text(char **ret, const char *text)
{
    *ret = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret != NULL;
}

static void key_done(struct key *key)
{
    cjose_jwk_release(key->jwk);
    free(key->kid);
    free(key->alg);
}

static const char no_memory[] = "out of memory";

/* Returns why the key cannot be used, or NULL and *ret. */
static const char *read_key(struct key *ret, json_t *json)
{
    const char *why = useless(json);
    if (why != NULL)
        return why;
    struct key key = { .jwk = cjose_jwk_import_json(json, NULL) };
    if (key.jwk == NULL)
        return "is damaged, or on a curve that is not known here";
    if (cjose_jwk_get_kty(key.jwk, NULL) == CJOSE_JWK_KTY_RSA &&
        cjose_jwk_get_keysize(key.jwk, NULL) < RSA_MIN_BITS)
        why = "has less than 2048 bits";
    else if (!copy_text(&key.kid, text_of(json, "kid")) ||
             !copy_text(&key.alg, text_of(json, "alg")))
        why = no_memory;
    if (why == NULL)
        *ret = key;
    else
        key_done(&key);
    return why;
}

/* --- The set ------------------------------------------------------------------------ */

static int read_keys(struct jwks *keys, json_t *array, char error[JWKS_ERROR])
{
    size_t i;
    json_t *json;
    const char *first_why = NULL;
    if (json_array_size(array) > JWKS_KEYS_MAX) {
        snprintf(error, JWKS_ERROR, "more than %d keys", JWKS_KEYS_MAX);
        return EINVAL;
    }
    json_array_foreach(array, i, json)
    {
        const char *why = read_key(&keys->keys[keys->n], json);
        if (why == no_memory) /* a set without it would refuse good tokens */
            return ENOMEM;
        if (why == NULL)
            keys->n++;
        else if (first_why == NULL)
            first_why = why;
    }
    if (keys->n > 0 || first_why == NULL)
        return 0;
    snprintf(error, JWKS_ERROR, "none of its keys can be used; the first one %s", first_why);
    return EINVAL;
}

int jwks_parse(struct jwks **ret, struct bytes json, char error[JWKS_ERROR])
{
    json_error_t where;
    struct jwks *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return ENOMEM;
    int rv = EINVAL;
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    json_t *array = json_object_get(root, "keys");
    if (root == NULL)
        snprintf(error, JWKS_ERROR, "not JSON: line %d: %.150s", where.line, where.text);
    else if (!json_is_array(array))
        snprintf(error, JWKS_ERROR, "not a key set: there is no array \"keys\"");
    else
        rv = read_keys(keys, array, error);
    json_decref(root);
    if (rv == 0)
        *ret = keys;
    else
        jwks_free(keys);
    return rv;
}

static bool fits(const struct key *key, const struct jws_algorithm *algorithm, const char *kid)
{
    if (kid != NULL && (key->kid == NULL || strcmp(key->kid, kid) != 0))
        return false;
    if (key->alg != NULL && strcmp(key->alg, algorithm->name) != 0)
        return false;
    if (cjose_jwk_get_kty(key->jwk, NULL) != algorithm->type)
        return false;
    return algorithm->type == CJOSE_JWK_KTY_RSA ||
           cjose_jwk_EC_get_curve(key->jwk, NULL) == algorithm->curve;
}

const cjose_jwk_t *jwks_next(const struct jwks *keys, const struct jws_algorithm *algorithm,
                             const char *kid, size_t *place)
{
    while (*place < keys->n) {
        const struct key *key = &keys->keys[(*place)++];
        if (fits(key, algorithm, kid))
            return key->jwk;
    }
    return NULL;
}

void jwks_free(struct jwks *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->n; i++)
        key_done(&keys->keys[i]);
    free(keys);
}
