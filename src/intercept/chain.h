/* The interceptors of our programs, put together in one place. */
#ifndef INTERCEPT_CHAIN_H
#define INTERCEPT_CHAIN_H

#include "call_metrics.h"
#include "runtime/interceptor.h"
#include "runtime/log.h"

struct token_check;

/* What interceptors work with. NULL: that one is not wanted. */
struct chain_parts {
    struct call_metrics *metrics;
    struct token_check *tokens;
};

/** What the options ask for, of a server: outermost first. After
 * options_parse(). */
void chain_of_server(struct chain *chain, const struct chain_parts *parts);

/** Of a client, whose calls are logged at this level. */
void chain_of_client(struct chain *chain, enum log_level level, struct call_metrics *metrics);

#endif
