#include "interceptor.h"

#include <assert.h>
#include <stdalign.h>

void chain_add(struct chain *chain, const struct interceptor *interceptor, void *arg)
{
    const size_t align = alignof(max_align_t);
    assert(chain->n < CHAIN_MAX);
    chain->rows[chain->n++] = (struct chain_row){ interceptor, arg, chain->state_bytes };
    chain->state_bytes += (interceptor->state_bytes + align - 1) / align * align;
}

static struct intercepted intercepted_of(struct interception *i, struct stream *s, size_t row)
{
    const struct chain_row *r = &i->chain->rows[row];
    return (struct intercepted){ s, r->arg, i->state + r->state_from };
}

/* From first to last, or the other way round; see the header. */
static bool goes_inwards(const struct interception *i, enum intercept_stage stage)
{
    if (stage == INTERCEPT_CALL)
        return true;
    return i->server ? stage == INTERCEPT_IN : stage == INTERCEPT_OUT;
}

/* What a stage passes: all rows, but only those that know of the call. */
static size_t rows_of(const struct interception *i, enum intercept_stage stage)
{
    return stage == INTERCEPT_CALL ? i->chain->n : i->entered;
}

static enum intercept run_row(struct interception *i, struct stream *s, enum intercept_stage stage,
                              size_t row, struct bytes message, struct status *status)
{
    const struct interceptor *it = i->chain->rows[row].interceptor;
    const struct intercepted call = intercepted_of(i, s, row);
    switch (stage) {
    case INTERCEPT_CALL:
        i->entered++;
        return it->on_call != NULL ? it->on_call(&call, status) : INTERCEPT_PASS;
    case INTERCEPT_IN:
        return it->on_message_in != NULL ? it->on_message_in(&call, message, status)
                                         : INTERCEPT_PASS;
    case INTERCEPT_OUT:
        return it->on_message_out != NULL ? it->on_message_out(&call, message, status)
                                          : INTERCEPT_PASS;
    default:
        return it->on_finish != NULL ? it->on_finish(&call, status) : INTERCEPT_PASS;
    }
}

enum intercept interception_run(struct interception *i, struct stream *s,
                                enum intercept_stage stage, struct bytes message,
                                struct status *status)
{
    if (i->chain == NULL)
        return INTERCEPT_PASS;
    const size_t n = rows_of(i, stage);
    while (i->done[stage] < n) {
        const size_t row = goes_inwards(i, stage) ? i->done[stage] : n - 1 - i->done[stage];
        const enum intercept verdict = run_row(i, s, stage, row, message, status);
        i->done[stage]++;
        if (verdict == INTERCEPT_LATER)
            i->held[stage] = true;
        if (verdict != INTERCEPT_PASS &&
            !(verdict == INTERCEPT_REJECT && stage == INTERCEPT_FINISH))
            return verdict;
    }
    i->done[stage] = 0; /* for the next message */
    return INTERCEPT_PASS;
}

void interception_close(struct interception *i, struct stream *s, const struct status *status)
{
    while (i->entered > 0) {
        const size_t row = --i->entered;
        const struct intercepted call = intercepted_of(i, s, row);
        if (i->chain->rows[row].interceptor->on_close != NULL)
            i->chain->rows[row].interceptor->on_close(&call, status);
    }
}
