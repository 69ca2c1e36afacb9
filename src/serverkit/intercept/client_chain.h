/* The interceptors of a client, put together in one place. */
#ifndef INTERCEPT_CLIENT_CHAIN_H
#define INTERCEPT_CLIENT_CHAIN_H

#include "base/log.h"
#include "weir/interceptor.h"

struct call_metrics;

/** Its calls are logged at this level; @metrics may be NULL. */
void chain_of_client(struct chain *chain, enum log_level level, struct call_metrics *metrics);

#endif
