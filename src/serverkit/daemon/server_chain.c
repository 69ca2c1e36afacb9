#include "server_chain.h"

#include "serverkit/auth/check_token.h"
#include "serverkit/intercept/call_log.h"
#include "serverkit/intercept/call_metrics.h"
#include "serverkit/intercept/limits.h"
#include "serverkit/intercept/trace.h"
#include "serverkit/intercept/validate.h"

/* The counts of a process. */
static struct limits limits, bad_tokens;

static void limit_bad_tokens(struct token_check *check)
{
    if (limits_options.bad_token_rate == 0)
        return;
    limits_init(&bad_tokens,
                &(struct limits_options){ .rate_per_caller = limits_options.bad_token_rate });
    check->bad = &bad_tokens;
}

/* From the outside in: what watches a call sees also what the others reject. */
void chain_of_server(struct chain *chain, const struct chain_parts *parts)
{
    if (call_log_options.which != CALL_LOG_OFF)
        chain_add(chain, &call_log, &call_log_options);
    if (parts->metrics != NULL)
        chain_add(chain, &call_metrics, parts->metrics);
    if (call_log_options.request_ids)
        chain_add(chain, &call_trace, NULL);
    if (parts->tokens != NULL) {
        limit_bad_tokens(parts->tokens);
        chain_add(chain, &check_token, parts->tokens);
    }
    if (limits_any(&limits_options)) {
        limits_init(&limits, &limits_options);
        chain_add(chain, &limits_interceptor, &limits);
    }
    chain_add(chain, &validate, NULL);
}
