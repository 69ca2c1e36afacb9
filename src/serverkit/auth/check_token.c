#include "check_token.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/container.h"
#include "serverkit/intercept/caller.h"
#include "weir/server.h"
#include "weir/stream.h"

#define BEARER "bearer " /* in any case: RFC 9110, 11.1 */

/* A call that is being checked. */
struct token_state {
    struct question question;
    struct stream *stream;
    struct limits *bad;
};

struct bytes bearer_token(struct bytes header)
{
    const size_t n = strlen(BEARER);
    if (header.len <= n || strncasecmp((const char *)header.data, BEARER, n) != 0)
        return bytes_of(NULL, 0);
    return bytes_of(header.data + n, header.len - n);
}

static void note_bad(const struct token_state *state)
{
    char address[CALLER_MAX];
    if (state->bad != NULL)
        limits_spend(state->bad, caller_address(state->stream, address), clock_ns());
}

static bool too_many_bad(const struct token_state *state, struct status *why)
{
    char address[CALLER_MAX];
    uint32_t wait_ms;
    if (state->bad == NULL ||
        !limits_spent(state->bad, caller_address(state->stream, address), clock_ns(), &wait_ms))
        return false;
    *why = status_of(STATUS_RESOURCE_EXHAUSTED,
                     "too many bad tokens came from %s, so this one was not checked", address);
    why->retry_after_ms = wait_ms;
    status_because(why, "BAD_TOKEN_RATE");
    return true;
}

/* The answer is there: whether the call may begin. */
static enum intercept judge(struct token_state *state, struct status *why)
{
    struct stream *s = state->stream;
    s->identity = state->question.identity;
    state->question.identity = NULL;
    if (s->identity == NULL) {
        *why = status_of(state->question.code, "%s", state->question.why);
        why->retry_after_ms = state->question.retry_ms;
        if (state->question.code == STATUS_UNAUTHENTICATED) /* not: it could not be checked */
            note_bad(state);
        return INTERCEPT_REJECT;
    }
    if (identity_may(s->identity, s->method->scope))
        return INTERCEPT_PASS;
    *why = status_of(STATUS_PERMISSION_DENIED, "%s needs a token with the scope \"%s\"", s->path,
                     s->method->scope);
    return INTERCEPT_REJECT;
}

static void on_answered(struct question *q)
{
    struct token_state *state = container_of(q, struct token_state, question);
    struct status why;
    const enum intercept verdict = judge(state, &why);
    interceptor_resume(state->stream, INTERCEPT_CALL, verdict, &why);
}

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    struct token_check *check = i->arg;
    struct token_state *state = i->state;
    struct stream *s = i->stream;
    if (s->method->scope == NULL)
        return INTERCEPT_PASS;
    state->stream = s;
    state->bad = check->bad;
    state->question.answered = on_answered;
    state->question.token = bearer_token(stream_get(s, METADATA_HEADERS, "authorization"));
    if (state->question.token.data == NULL) {
        *why =
            status_of(STATUS_UNAUTHENTICATED,
                      "%s needs a token: send the header \"authorization: Bearer TOKEN\"", s->path);
        return INTERCEPT_REJECT;
    }
    if (verifier_recall(check->verifier, s->loop, &state->question))
        return judge(state, why);
    if (too_many_bad(state, why))
        return INTERCEPT_REJECT;
    if (!verifier_ask(check->verifier, s->loop, &state->question))
        return INTERCEPT_LATER;
    return judge(state, why);
}

static void on_close(const struct intercepted *i, const struct status *status)
{
    struct token_state *state = i->state;
    (void)status;
    verifier_forget(&state->question);
}

const struct interceptor check_token = {
    .name = "token",
    .state_bytes = sizeof(struct token_state),
    .on_call = on_call,
    .on_close = on_close,
};
