#include "jwt.h"

#include <cjose/jws.h>
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/base64.h"

#define SCOPES_MAX 4096

/* A token on its way through the checks. */
struct jwt {
    struct bytes text;
    struct bytes parts[3]; /* header, claims, signature, still in base64url */
    json_t *header, *claims;
    const struct jws_algorithm *algorithm;
    const char *kid;
    const char *why;
    bool no_memory; /* on the way */
};

static bool bad(struct jwt *t, const char *why)
{
    t->why = why;
    return false;
}

/* --- The form ----------------------------------------------------------------------- */

static bool is_base64url(struct bytes part)
{
    for (size_t i = 0; i < part.len; i++) {
        const uint8_t c = part.data[i];
        if (c > 127 || (!isalnum(c) && c != '-' && c != '_'))
            return false;
    }
    return part.len > 0;
}

static bool split(struct bytes text, struct bytes parts[3])
{
    const uint8_t *p = text.data, *end = p + text.len;
    for (int i = 0; i < 3; i++) {
        const uint8_t *dot = i < 2 ? memchr(p, '.', (size_t)(end - p)) : end;
        if (dot == NULL)
            return false;
        parts[i] = bytes_of(p, (size_t)(dot - p));
        if (!is_base64url(parts[i]))
            return false;
        p = dot + 1;
    }
    return true;
}

bool jwt_looks_like(struct bytes token)
{
    struct bytes parts[3];
    return token.len > 0 && split(token, parts);
}

static void note_error(struct jwt *t, const cjose_err *err)
{
    t->no_memory |= err->code == CJOSE_ERR_NO_MEMORY;
}

static json_t *read_json(struct jwt *t, struct bytes part)
{
    uint8_t *text = malloc(base64_room(part.len));
    size_t len;
    json_t *json = NULL;
    if (text == NULL)
        t->no_memory = true;
    else if (base64_decode(text, part, BASE64_URL, &len))
        json = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return json;
}

static const char *text_of(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Read by ourselves before cjose sees the token: it lets "none" through, and
 * some versions leak memory over a header without "alg". */
static bool read_header(struct jwt *t)
{
    if (t->text.len > JWT_MAX_BYTES)
        return bad(t, "the token is too long");
    if (t->text.len == 0 || !split(t->text, t->parts))
        return bad(t, "the token is not a signed JWT");
    t->header = read_json(t, t->parts[0]);
    const char *name = text_of(t->header, "alg");
    if (name == NULL)
        return bad(t, "the token's header names no algorithm");
    t->algorithm = jws_algorithm_find(name);
    if (t->algorithm == NULL)
        return bad(t, "the token's algorithm is not accepted; RS256 to RS512, PS256 to PS512 and "
                      "ES256 to ES512 are");
    if (json_object_get(t->header, "crit") != NULL)
        return bad(t, "the token's header has extensions that are not known here");
    t->kid = text_of(t->header, "kid");
    return true;
}

/* --- The signature ------------------------------------------------------------------ */

static bool signature_fits(const struct jwt *t)
{
    const size_t bytes = t->parts[2].len * 3 / 4;
    return t->algorithm->signature_bytes == 0 || t->algorithm->signature_bytes == bytes;
}

static bool signed_with(struct jwt *t, cjose_jws_t *jws, const struct jwks *keys)
{
    size_t place = 0;
    const cjose_jwk_t *key;
    while ((key = jwks_next(keys, t->algorithm, t->kid, &place)) != NULL) {
        cjose_err err = { 0 };
        if (cjose_jws_verify(jws, key, &err))
            return true;
        note_error(t, &err);
    }
    return false;
}

static bool names_a_key(const struct jwt *t, const struct jwks *keys)
{
    size_t place = 0;
    return t->kid != NULL && jwks_next(keys, t->algorithm, t->kid, &place) != NULL;
}

static enum jwt_result check_signature(struct jwt *t, const struct jwks *keys)
{
    cjose_jws_t *jws = NULL;
    cjose_err err = { 0 };
    if (signature_fits(t))
        jws = cjose_jws_import((const char *)t->text.data, t->text.len, &err);
    if (jws == NULL)
        note_error(t, &err);
    const bool good = jws != NULL && signed_with(t, jws, keys);
    const bool damaged = jws == NULL;
    cjose_jws_release(jws);
    if (good)
        return JWT_GOOD;
    if (damaged || names_a_key(t, keys)) {
        t->why = "the token's signature is wrong";
        return JWT_BAD;
    }
    t->why = "the token is not signed with a key of its issuer";
    return JWT_UNKNOWN_KEY;
}

/* --- The claims --------------------------------------------------------------------- */

static bool is_text(json_t *json, const char *text)
{
    return json_is_string(json) && strcmp(json_string_value(json), text) == 0;
}

static bool is_or_has_text(json_t *json, const char *text)
{
    size_t i;
    json_t *one;
    if (is_text(json, text))
        return true;
    json_array_foreach(json, i, one) if (is_text(one, text)) return true;
    return false;
}

static bool check_times(struct jwt *t, double now_s)
{
    json_t *expires = json_object_get(t->claims, "exp");
    json_t *not_before = json_object_get(t->claims, "nbf");
    if (!json_is_number(expires))
        return bad(t, "the token never expires");
    if (json_number_value(expires) + JWT_LEEWAY_S <= now_s)
        return bad(t, "the token has expired");
    if (not_before != NULL && !json_is_number(not_before))
        return bad(t, "the token's \"nbf\" is not a number");
    if (not_before != NULL && json_number_value(not_before) - JWT_LEEWAY_S > now_s)
        return bad(t, "the token is not valid yet");
    return true;
}

static bool check_claims(struct jwt *t, const struct jwt_rules *rules, int64_t now_s)
{
    t->claims = read_json(t, t->parts[1]);
    if (!json_is_object(t->claims))
        return bad(t, "the token's claims are not a JSON object");
    if (!is_text(json_object_get(t->claims, "iss"), rules->issuer))
        return bad(t, "the token is from another issuer");
    if (!is_or_has_text(json_object_get(t->claims, "aud"), rules->audience))
        return bad(t, "the token is for another audience");
    return check_times(t, (double)now_s);
}

/* --- Who it is ---------------------------------------------------------------------- */

static const char *name_of(json_t *claims)
{
    static const char *const names[] = { "sub", "client_id", "azp" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *name = text_of(claims, names[i]);
        if (name != NULL && name[0] != '\0')
            return name;
    }
    return "(unnamed)";
}

static void put_scope(char scopes[SCOPES_MAX], size_t *len, json_t *json)
{
    const char *text = json_string_value(json);
    const size_t n = text != NULL ? strlen(text) : 0;
    if (n == 0 || *len + n + 1 >= SCOPES_MAX)
        return;
    if (*len > 0)
        scopes[(*len)++] = ' ';
    memcpy(scopes + *len, text, n);
    *len += n;
}

static void put_scopes(char scopes[SCOPES_MAX], size_t *len, json_t *json)
{
    size_t i;
    json_t *one;
    put_scope(scopes, len, json);
    json_array_foreach(json, i, one) put_scope(scopes, len, one);
}

static int64_t expires_of(json_t *claims)
{
    const double s = json_number_value(json_object_get(claims, "exp")) + JWT_LEEWAY_S;
    return s < 1e15 ? (int64_t)s : NEVER_EXPIRES;
}

static struct identity *identity_of(json_t *claims)
{
    char scopes[SCOPES_MAX];
    size_t len = 0;
    put_scopes(scopes, &len, json_object_get(claims, "scope"));
    put_scopes(scopes, &len, json_object_get(claims, "scp"));
    return identity_new(bytes_of_text(name_of(claims)), bytes_of(scopes, len), expires_of(claims));
}

/* --- All of it ---------------------------------------------------------------------- */

static enum jwt_result check(struct jwt *t, const struct jwks *keys, const struct jwt_rules *rules,
                             int64_t now_s, struct identity **ret)
{
    if (!read_header(t))
        return JWT_BAD;
    const enum jwt_result result = check_signature(t, keys);
    if (result != JWT_GOOD)
        return result;
    if (!check_claims(t, rules, now_s))
        return JWT_BAD;
    *ret = identity_of(t->claims);
    t->no_memory |= *ret == NULL;
    return JWT_GOOD;
}

enum jwt_result jwt_check(struct bytes token, const struct jwks *keys,
                          const struct jwt_rules *rules, int64_t now_s, struct identity **ret,
                          const char **ret_why)
{
    struct jwt t = { .text = token };
    enum jwt_result result = check(&t, keys, rules, now_s, ret);
    if (t.no_memory && (result != JWT_GOOD || *ret == NULL)) {
        t.why = "the token cannot be checked: out of memory";
        result = JWT_NO_MEMORY;
    }
    json_decref(t.header);
    json_decref(t.claims);
    *ret_why = t.why;
    return result;
}
