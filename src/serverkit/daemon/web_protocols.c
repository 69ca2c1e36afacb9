#include "web_protocols.h"

#include <stdio.h>

#include "serverkit/auth/auth_options.h"
#include "serverkit/reflection/descriptors.h"
#include "web/connect_protocol.h"
#include "web/console/console.h"
#include "web/grpc_web_json.h"
#include "web/rest_protocol.h"
#include "weir/web_options.h"

static bool tells(const struct daemon_config *config)
{
    return config->reflection && (!auth_options_ask(&auth_options) || auth_options.open_reflection);
}

bool web_protocols_open(struct web_protocols *ret, const struct daemon_config *config,
                        struct bytes openapi, const struct service *const *services, size_t n,
                        char error[DAEMON_ERROR_MAX])
{
    char why[PBJSON_ERROR_BYTES];
    *ret = (struct web_protocols){ 0 };
    if (web_options_given() == NULL)
        return true;
    if (!tells(config))
        openapi = bytes_of(NULL, 0);
    if (web_api_new(&ret->api, descriptors_set(), openapi, services, n, why) != 0) {
        snprintf(error, DAEMON_ERROR_MAX, "cannot answer by HTTP alone: %s", why);
        return false;
    }
    if (config->console && (ret->console = console_new()) == NULL) {
        snprintf(error, DAEMON_ERROR_MAX, "out of memory for the console");
        return false;
    }
    if (ret->console != NULL)
        web_options_add(&console_protocol, ret->console);
    web_options_add(&grpc_web_json_protocol, ret->api);
    web_options_add(&connect_protocol, ret->api);
    web_options_add(&rest_protocol, ret->api); /* the last one: it answers whatever is left */
    return true;
}

void web_protocols_close(struct web_protocols *web)
{
    console_free(web->console);
    web_api_free(web->api);
}
