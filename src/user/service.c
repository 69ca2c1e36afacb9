#include "service.h"

#include "resolve.h"

const struct method user_methods[] = {
    { "/v1.user.User/GetUser", ONE, ONE, &get_user_handler, NULL },
    { "/v1.user.User/ResolveUsers", MANY, MANY, &resolve_handler, NULL },
    { "/v1.user.User/ImportUsers", MANY, ONE, &import_users_handler, &import_users_row },

    /* The first edition's package. */
    { "/user.User/GetUser", ONE, ONE, &get_user_handler, NULL },
};
const size_t user_nmethods = sizeof user_methods / sizeof *user_methods;
