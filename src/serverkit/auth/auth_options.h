/* Which tokens a server accepts: the group "Authentication" of its options. */
#ifndef AUTH_OPTIONS_H
#define AUTH_OPTIONS_H

#include <stdbool.h>

#include "base/options.h"

#define AUTH_ERROR 512

/* All NULL and false: calls need no token. */
struct auth_options {
    const char *token_file;  /* of hashes; see token_list.h */
    const char *jwks;        /* keys that JWTs are signed with: a file or URL */
    const char *oidc_issuer; /* or the OpenID provider that has them */
    const char *jwt_issuer;  /* what a JWT must say; with oidc_issuer NULL: that one */
    const char *jwt_audience;
    const char *jwks_ca;  /* who may vouch for the URLs; NULL: the system's */
    bool open_reflection; /* reflection needs no token */
};

/** What the group sets. */
extern struct auth_options auth_options;
extern const struct option_group auth_group;

/** Whether they go together; else *error says what is missing. */
bool auth_options_good(const struct auth_options *o, char error[AUTH_ERROR]);

/** Whether calls need a token. */
bool auth_options_ask(const struct auth_options *o);

#endif
