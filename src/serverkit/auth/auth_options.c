#include "auth_options.h"

#include <stdio.h>

#include "load.h"

struct auth_options auth_options;

static const struct option_row rows[] = {
    { "token-file", OPTION_TEXT, &auth_options.token_file, "FILE",
      "take the tokens whose hashes are in FILE, a line each: SHA256 NAME EXPIRES SCOPE...; read "
      "again when it changes",
      0, 0, NULL },
    { "oidc-issuer", OPTION_TEXT, &auth_options.oidc_issuer, "URL",
      "take the JWTs of this OpenID provider", 0, 0, NULL },
    { "jwks", OPTION_TEXT, &auth_options.jwks, "FILE|URL",
      "take the JWTs that are signed with one of these keys", 0, 0, NULL },
    { "jwks-ca", OPTION_TEXT, &auth_options.jwks_ca, "FILE",
      "certificates to trust the URLs by, instead of the system's", 0, 0, NULL },
    { "jwt-issuer", OPTION_TEXT, &auth_options.jwt_issuer, "TEXT",
      "what a JWT must say in \"iss\"; that of --oidc-issuer without this", 0, 0, NULL },
    { "jwt-audience", OPTION_TEXT, &auth_options.jwt_audience, "TEXT",
      "what a JWT must say in \"aud\"", 0, 0, NULL },
    { "open-reflection", OPTION_FLAG, &auth_options.open_reflection, NULL,
      "reflection needs no token; else one with read", 0, 0, NULL },
};

const struct option_group auth_group = { "Authentication (of calls, by bearer tokens)", rows,
                                         sizeof rows / sizeof rows[0] };

bool auth_options_ask(const struct auth_options *o)
{
    return o->token_file != NULL || o->jwks != NULL || o->oidc_issuer != NULL;
}

static bool url_good(const char *option, const char *url, char error[AUTH_ERROR])
{
    char why[LOAD_ERROR];
    if (load_url_allowed(url, why))
        return true;
    snprintf(error, AUTH_ERROR, "%s %.200s is %s", option, url, why);
    return false;
}

/* A key says only who made a token. Without the audience a token that was made
 * for another service would do here, and that service could use it. */
static const char *missing(const struct auth_options *o)
{
    const bool jwt = o->jwks != NULL || o->oidc_issuer != NULL;
    if (o->jwks != NULL && o->oidc_issuer != NULL)
        return "--oidc-issuer finds its keys itself: not both --jwks and --oidc-issuer";
    if (o->jwks != NULL && o->jwt_issuer == NULL)
        return "--jwks needs --jwt-issuer: whose tokens they are";
    if (jwt && o->jwt_audience == NULL)
        return "JWTs need --jwt-audience: that they are meant for this service";
    if (!jwt && (o->jwt_issuer != NULL || o->jwt_audience != NULL || o->jwks_ca != NULL))
        return "--jwt-issuer, --jwt-audience and --jwks-ca need --jwks or --oidc-issuer";
    return NULL;
}

bool auth_options_good(const struct auth_options *o, char error[AUTH_ERROR])
{
    const char *what = missing(o);
    if (what != NULL) {
        snprintf(error, AUTH_ERROR, "%s", what);
        return false;
    }
    if (o->oidc_issuer != NULL)
        return url_good("--oidc-issuer", o->oidc_issuer, error);
    if (o->jwks != NULL && load_is_url(o->jwks))
        return url_good("--jwks", o->jwks, error);
    return true;
}
