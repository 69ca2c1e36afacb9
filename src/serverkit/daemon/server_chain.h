/* The interceptors of a server, put together in one place. */
#ifndef DAEMON_SERVER_CHAIN_H
#define DAEMON_SERVER_CHAIN_H

#include "weir/interceptor.h"

struct call_metrics;
struct token_check;

/* What interceptors work with. NULL: that one is not wanted. */
struct chain_parts {
    struct call_metrics *metrics;
    struct token_check *tokens;
};

/** What the options ask for: outermost first. After options_parse(). */
void chain_of_server(struct chain *chain, const struct chain_parts *parts);

#endif
