/* What --web adds beside gRPC-Web: Connect, REST and /openapi.json, by the descriptors that are
 * part of every program; and the page of --console. */
#ifndef DAEMON_WEB_PROTOCOLS_H
#define DAEMON_WEB_PROTOCOLS_H

#include "daemon_internal.h"
#include "web/api.h"

struct console;

/* Zero is none. */
struct web_protocols {
    struct web_api *api;
    struct console *console;
};

/** Adds them for @services, if --web was given, and else leaves *ret empty. *ret is to be closed
 * after the server, after a failure too. @openapi may be empty; it follows the rule of reflection:
 * where that is off, or asks for a token, it is not told either. false: @error says why. */
bool web_protocols_open(struct web_protocols *ret, const struct daemon_config *config,
                        struct bytes openapi, const struct service *const *services, size_t n,
                        char error[DAEMON_ERROR_MAX]);

void web_protocols_close(struct web_protocols *web);

#endif
