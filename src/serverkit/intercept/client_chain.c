#include "client_chain.h"

#include "call_log.h"
#include "call_metrics.h"

void chain_of_client(struct chain *chain, enum log_level level, struct call_metrics *metrics)
{
    static enum log_level levels[] = { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
    chain_add(chain, &client_call_log, &levels[level]);
    if (metrics != NULL)
        chain_add(chain, &call_metrics, metrics);
}
