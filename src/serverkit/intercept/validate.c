#include "validate.h"

#include "weir/rules.h"
#include "weir/server.h"

static enum intercept on_message_in(const struct intercepted *i, struct bytes message,
                                    struct status *why)
{
    const struct stream *s = i->stream;
    if (s->method->requests == MANY || s->on->rules == NULL ||
        rules_check(s->on->rules, message, why))
        return INTERCEPT_PASS;
    return INTERCEPT_REJECT;
}

const struct interceptor validate = { .name = "validate", .on_message_in = on_message_in };
