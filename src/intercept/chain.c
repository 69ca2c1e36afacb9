#include "chain.h"

#include "call_log.h"
#include "trace.h"

/* From the outside in: what watches a call sees also what the others reject. */
void chain_of_server(struct chain *chain)
{
    if (call_log_options.which != CALL_LOG_OFF)
        chain_add(chain, &call_log, &call_log_options);
    chain_add(chain, &call_trace, NULL);
    /* Then: who calls, how often, and with what. */
}

void chain_of_client(struct chain *chain)
{
    chain_add(chain, &client_call_log, NULL);
}
