/* What a call is known by, here and elsewhere. */
#ifndef INTERCEPT_TRACE_H
#define INTERCEPT_TRACE_H

#define REQUEST_ID_MAX 64
#define TRACEPARENT    55 /* characters */

/* Empty texts: there is none. */
struct trace {
    char request_id[REQUEST_ID_MAX + 1];
    char traceparent[TRACEPARENT + 1];
};

#endif
