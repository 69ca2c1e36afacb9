/* An interceptor that does what a test says at each moment of a call, and
 * writes down which moments it saw: "A.call A.in A.out A.finish A.close ". */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

#include <stdbool.h>

#include "weir/interceptor.h"
#include "weir/stream.h"

enum probe_act {
    PROBE_PASS,
    PROBE_REJECT,       /* PERMISSION_DENIED "no" */
    PROBE_LATER,        /* and passes, some rounds later */
    PROBE_LATER_REJECT, /* the same, and rejects */
    PROBE_HOLD,         /* for the test to go on */
    PROBE_NR
};

struct probe_log {
    char text[1024];
};

struct probe {
    const char *name;
    struct probe_log *log; /* may be NULL, and shared */
    enum probe_act at[INTERCEPT_NR];
    int after[INTERCEPT_NR]; /* passes so many messages before */
    void (*on_held)(struct probe *p);
    void (*on_call)(struct stream *s);                          /* may be NULL */
    void (*on_finish)(struct stream *s, struct status *status); /* the same */

    struct stream *held; /* the call it holds */
    int seen[INTERCEPT_NR], closed;
    enum status_code code; /* of the last close */
};

extern const struct interceptor probe_interceptor;

void probe_add(struct chain *chain, struct probe *p);

#endif
