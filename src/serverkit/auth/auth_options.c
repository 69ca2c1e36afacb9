#include "auth_options.h"

#include <stdio.h>

#include "load.h"

struct auth_options auth_options;

static const struct option_row rows[] = {
    OPT_TEXT("token-file", auth_options.token_file,
             "accept the tokens whose hashes are in FILE, one a line: SHA256 NAME EXPIRES "
             "SCOPE...; it is read again when it changes",
             .arg = "FILE"),
    OPT_TEXT("oidc-issuer", auth_options.oidc_issuer, "accept the JWTs of this OpenID provider",
             .arg = "URL"),
    OPT_TEXT("jwks", auth_options.jwks, "accept the JWTs that are signed with one of these keys",
             .arg = "FILE|URL"),
    OPT_TEXT("jwks-ca", auth_options.jwks_ca,
             "trust these certificates when the URLs are asked, instead of the system's",
             .arg = "FILE"),
    OPT_TEXT("jwt-issuer", auth_options.jwt_issuer,
             "what a JWT must have in \"iss\"; with --oidc-issuer that URL is the default"),
    OPT_TEXT("jwt-audience", auth_options.jwt_audience, "what a JWT must have in \"aud\""),
    OPT_FLAG("open-reflection", auth_options.open_reflection,
             "reflection needs no token; without this it needs one that may read"),
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
        return "--jwks and --oidc-issuer cannot both be given: --oidc-issuer finds the keys itself";
    if (o->jwks != NULL && o->jwt_issuer == NULL)
        return "--jwks needs --jwt-issuer, which says whose tokens are accepted";
    if (jwt && o->jwt_audience == NULL)
        return "JWTs need --jwt-audience, which says that a token is meant for this service";
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
