#include "probe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "weir/loop.h"

/* Long enough for whatever else is on its way to arrive before. */
#define LATER_MS 5

/* What is kept of one call. */
struct watch {
    struct probe *probe;
    struct stream *stream;
    struct pause {
        struct timer timer;
        struct watch *watch;
        enum intercept_stage stage;
        enum intercept verdict;
    } pauses[INTERCEPT_NR];
    bool closed;
};

static void note(const struct probe *p, const char *what)
{
    if (p->log == NULL)
        return;
    const size_t n = strlen(p->log->text);
    snprintf(p->log->text + n, sizeof p->log->text - n, "%s.%s ", p->name, what);
}

static struct status refusal(void)
{
    return status_of(STATUS_PERMISSION_DENIED, "no");
}

static void go_on(struct timer *timer)
{
    const struct pause *pause = container_of(timer, struct pause, timer);
    const struct status no = refusal();
    interceptor_resume(pause->watch->stream, pause->stage, pause->verdict, &no);
}

static enum intercept later(struct watch *w, enum intercept_stage stage, enum intercept verdict)
{
    struct pause *pause = &w->pauses[stage];
    pause->watch = w;
    pause->stage = stage;
    pause->verdict = verdict;
    pause->timer.fired = go_on;
    timer_start(w->stream->loop, &pause->timer, LATER_MS);
    return INTERCEPT_LATER;
}

static void tell(struct timer *timer)
{
    struct probe *p = container_of(timer, struct pause, timer)->watch->probe;
    if (p->on_held != NULL)
        p->on_held(p);
}

static enum intercept hold(struct watch *w, enum intercept_stage stage)
{
    struct pause *pause = &w->pauses[stage];
    w->probe->held = w->stream;
    pause->watch = w;
    pause->timer.fired = tell;
    timer_start(w->stream->loop, &pause->timer, 0);
    return INTERCEPT_LATER;
}

static enum intercept act(const struct intercepted *i, enum intercept_stage stage,
                          struct status *why)
{
    struct watch *w = i->state;
    struct probe *p = i->arg;
    cr_assert(!w->closed);
    if (p->seen[stage]++ < p->after[stage])
        return INTERCEPT_PASS;
    switch (p->at[stage]) {
    case PROBE_REJECT:
        if (stage != INTERCEPT_FINISH)
            *why = refusal();
        return INTERCEPT_REJECT;
    case PROBE_LATER:
        return later(w, stage, INTERCEPT_PASS);
    case PROBE_LATER_REJECT:
        return later(w, stage, INTERCEPT_REJECT);
    case PROBE_HOLD:
        return hold(w, stage);
    default:
        return INTERCEPT_PASS;
    }
}

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    struct watch *w = i->state;
    struct probe *p = i->arg;
    cr_assert_null(w->stream); /* its state is zero, and its own */
    *w = (struct watch){ .probe = p, .stream = i->stream };
    note(p, "call");
    if (p->on_call != NULL)
        p->on_call(i->stream);
    return act(i, INTERCEPT_CALL, why);
}

static enum intercept on_in(const struct intercepted *i, struct bytes message, struct status *why)
{
    (void)message;
    note(i->arg, "in");
    return act(i, INTERCEPT_IN, why);
}

static enum intercept on_out(const struct intercepted *i, struct bytes message, struct status *why)
{
    (void)message;
    note(i->arg, "out");
    return act(i, INTERCEPT_OUT, why);
}

static enum intercept on_finish(const struct intercepted *i, struct status *status)
{
    struct probe *p = i->arg;
    note(p, "finish");
    if (p->on_finish != NULL)
        p->on_finish(i->stream, status);
    return act(i, INTERCEPT_FINISH, status);
}

static void on_close(const struct intercepted *i, const struct status *status)
{
    struct watch *w = i->state;
    struct probe *p = i->arg;
    cr_assert(!w->closed);
    w->closed = true;
    for (int stage = 0; stage < INTERCEPT_NR; stage++)
        timer_stop(&w->pauses[stage].timer);
    note(p, "close");
    p->held = NULL;
    p->closed++;
    p->code = status->code;
}

const struct interceptor probe_interceptor = {
    .name = "probe",
    .state_bytes = sizeof(struct watch),
    .on_call = on_call,
    .on_message_in = on_in,
    .on_message_out = on_out,
    .on_finish = on_finish,
    .on_close = on_close,
};

void probe_add(struct chain *chain, struct probe *p)
{
    chain_add(chain, &probe_interceptor, p);
}
