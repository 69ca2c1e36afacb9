/* What --web adds beside gRPC-Web: Connect, REST and /openapi.json, by the descriptors that are
 * part of every program. */
#ifndef DAEMON_WEB_PROTOCOLS_H
#define DAEMON_WEB_PROTOCOLS_H

#include "daemon_internal.h"
#include "web/api.h"

/** Adds them for @services, if --web was given, and else sets *ret to NULL. *ret is to be freed by
 * web_api_free() after the server. @openapi may be empty; it follows the rule of reflection: where
 * that is off, or asks for a token, it is not told either. false: @error says why. */
bool web_protocols_add(struct web_api **ret, const struct daemon_config *config,
                       struct bytes openapi, const struct service *const *services, size_t n,
                       char error[DAEMON_ERROR_MAX]);

#endif
