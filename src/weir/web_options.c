#include "web_options.h"

#include <assert.h>
#include <string.h>

#include "http/dialect.h"

static bool on;
static struct option_list origins, hosts;
static struct web_options given = { .protocols = { { &grpc_web_protocol, NULL } },
                                    .nprotocols = 1 };

static const struct option_row rows[] = {
    OPT_FLAG("web", on,
             "answer browsers and plain HTTP on the same port as well: gRPC-Web, Connect and REST, "
             "over HTTP/1.1 and HTTP/2"),
    OPT_LIST("web-origin", origins,
             "pages of this origin may call, https://app.example for one; may be repeated",
             .arg = "ORIGIN"),
    OPT_LIST("web-host", hosts,
             "answer HTTP/1.1 under this name as well: addresses and localhost are taken always; "
             "may be repeated",
             .arg = "NAME"),
};

const struct option_group web_group = { "Web", rows, sizeof rows / sizeof rows[0] };

/* As browsers write it: a scheme, a name, perhaps a port, and nothing behind. */
static bool is_origin(const char *text)
{
    const char *name = strstr(text, "://");
    return name != NULL && name != text && name[3] != '\0' &&
           name[3 + strcspn(name + 3, "/?# *")] == '\0';
}

const char *web_options_check(void)
{
    for (size_t i = 0; i < origins.n; i++)
        if (!is_origin(origins.item[i]))
            return "--web-origin takes a scheme and a name, such as https://app.example:8443, "
                   "and nothing behind";
    if (!on && (origins.n > 0 || hosts.n > 0))
        return "--web-origin and --web-host are of use with --web only";
    return NULL;
}

const struct web_options *web_options_given(void)
{
    given.origins = origins.item;
    given.norigins = origins.n;
    given.hosts = hosts.item;
    given.nhosts = hosts.n;
    return on ? &given : NULL;
}

void web_options_add(const struct protocol *protocol, const void *arg)
{
    assert(given.nprotocols < WEB_PROTOCOLS_MAX);
    given.protocols[given.nprotocols].protocol = protocol;
    given.protocols[given.nprotocols++].arg = arg;
}
