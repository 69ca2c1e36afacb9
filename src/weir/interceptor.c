#include "interceptor.h"

#include <assert.h>
#include <stdalign.h>

static bool has_hook(const struct interceptor *it, enum intercept_stage stage)
{
    switch (stage) {
    case INTERCEPT_CALL:
        return it->on_call != NULL;
    case INTERCEPT_IN:
        return it->on_message_in != NULL;
    case INTERCEPT_OUT:
        return it->on_message_out != NULL;
    default:
        return it->on_finish != NULL;
    }
}

void chain_add(struct chain *chain, const struct interceptor *interceptor, void *arg)
{
    const size_t align = alignof(max_align_t);
    assert(chain->n < CHAIN_MAX);
    for (int i = 0; i < INTERCEPT_NR; i++) {
        struct chain_stage *stage = &chain->stages[i];
        if (has_hook(interceptor, (enum intercept_stage)i))
            stage->links[stage->n++] = (uint8_t)chain->n;
    }
    chain->links[chain->n++] = (struct chain_link){ interceptor, arg, chain->state_bytes };
    chain->state_bytes += (interceptor->state_bytes + align - 1) / align * align;
}

static struct intercepted intercepted_of(struct interception *i, struct stream *s, size_t link)
{
    const struct chain_link *r = &i->chain->links[link];
    return (struct intercepted){ s, r->arg, i->state + r->state_from };
}

/* From first to last, or the other way round; see the header. */
static bool goes_inwards(const struct interception *i, enum intercept_stage stage)
{
    if (stage == INTERCEPT_CALL)
        return true;
    return i->server ? stage == INTERCEPT_IN : stage == INTERCEPT_OUT;
}

static enum intercept run_link(struct interception *i, struct stream *s, enum intercept_stage stage,
                               size_t link, struct bytes message, struct status *status)
{
    const struct interceptor *it = i->chain->links[link].interceptor;
    const struct intercepted call = intercepted_of(i, s, link);
    switch (stage) {
    case INTERCEPT_CALL:
        i->entered = (uint8_t)(link + 1);
        return it->on_call(&call, status);
    case INTERCEPT_IN:
        return it->on_message_in(&call, message, status);
    case INTERCEPT_OUT:
        return it->on_message_out(&call, message, status);
    default:
        return it->on_finish(&call, status);
    }
}

static enum intercept run_stage(struct interception *i, struct stream *s,
                                enum intercept_stage stage, struct bytes message,
                                struct status *status)
{
    const struct chain_stage *hooks = &i->chain->stages[stage];
    const bool inwards = goes_inwards(i, stage);
    while (i->done[stage] < hooks->n) {
        const uint8_t at = i->done[stage]++;
        const size_t link = hooks->links[inwards ? at : hooks->n - 1 - at];
        if (stage != INTERCEPT_CALL && link >= i->entered)
            continue; /* the call was rejected before it came there */
        const enum intercept verdict = run_link(i, s, stage, link, message, status);
        if (verdict == INTERCEPT_LATER)
            i->held[stage] = true;
        if (verdict != INTERCEPT_PASS &&
            !(verdict == INTERCEPT_REJECT && stage == INTERCEPT_FINISH))
            return verdict;
    }
    i->done[stage] = 0; /* for the next message */
    return INTERCEPT_PASS;
}

enum intercept interception_run(struct interception *i, struct stream *s,
                                enum intercept_stage stage, struct bytes message,
                                struct status *status)
{
    if (i->chain == NULL)
        return INTERCEPT_PASS;
    const enum intercept verdict = run_stage(i, s, stage, message, status);
    if (stage == INTERCEPT_CALL && verdict == INTERCEPT_PASS)
        i->entered = (uint8_t)i->chain->n;
    return verdict;
}

void interception_close(struct interception *i, struct stream *s, const struct status *status)
{
    while (i->entered > 0) {
        const size_t link = --i->entered;
        const struct intercepted call = intercepted_of(i, s, link);
        if (i->chain->links[link].interceptor->on_close != NULL)
            i->chain->links[link].interceptor->on_close(&call, status);
    }
}
