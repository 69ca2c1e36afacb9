#include "web_protocols.h"

#include <stdio.h>

#include "serverkit/auth/auth_options.h"
#include "serverkit/reflection/descriptors.h"
#include "web/connect_protocol.h"
#include "web/rest_protocol.h"
#include "weir/web_options.h"

static bool tells(const struct daemon_config *config)
{
    return config->reflection && (!auth_options_ask(&auth_options) || auth_options.open_reflection);
}

bool web_protocols_add(struct web_api **ret, const struct daemon_config *config,
                       struct bytes openapi, const struct service *const *services, size_t n,
                       char error[DAEMON_ERROR_MAX])
{
    char why[PBJSON_ERROR_BYTES];
    *ret = NULL;
    if (web_options_given() == NULL)
        return true;
    if (!tells(config))
        openapi = bytes_of(NULL, 0);
    if (web_api_new(ret, descriptors_set(), openapi, services, n, why) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "cannot answer by HTTP alone: %s", why);
        return false;
    }
    web_options_add(&connect_protocol, *ret);
    web_options_add(&rest_protocol, *ret); /* the last one: it answers whatever is left */
    return true;
}
