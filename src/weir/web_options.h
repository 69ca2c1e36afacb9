/* What a server answers beside gRPC, on the same port: other protocols for the same
 * methods (http/dialect.h), and who may ask from a browser. Of TRANSPORT_HTTP only. */
#ifndef WEIR_WEB_OPTIONS_H
#define WEIR_WEB_OPTIONS_H

#include <stddef.h>

#include "base/options.h"

struct protocol;

#define WEB_PROTOCOLS_MAX 8

/* All of it must stay as long as the server. */
struct web_options {
    /* Asked in this order. */
    struct {
        const struct protocol *protocol;
        const void *arg;
    } protocols[WEB_PROTOCOLS_MAX];
    size_t nprotocols;

    /* Pages of these origins may call ("https://app.example:8443", exactly), as those of the
     * server's own may. */
    const char *const *origins;
    size_t norigins;

    /* Names in "Host" that HTTP/1.1 is answered for, beside addresses and "localhost": a page
     * whose name was made to point here has another one. Without a port: any. */
    const char *const *hosts;
    size_t nhosts;
};

/* --- Of the process: what the group "Web" of its options sets ----------------------- */

extern const struct option_group web_group;

/** What is wrong with it; NULL: nothing. Once options are parsed. */
const char *web_options_check(void);

/** That, with gRPC-Web and what was added; NULL: --web was not given. Once options are parsed. */
const struct web_options *web_options_given(void);

/** One more protocol, behind the others; WEB_PROTOCOLS_MAX at most. Before a server is made. */
void web_options_add(const struct protocol *protocol, const void *arg);

#endif
