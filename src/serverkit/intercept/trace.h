/* What a call is known by, here and elsewhere.
 *
 * Every call has a request id: the client's ("x-request-id"), or one made
 * here. A client that sends a W3C trace context ("traceparent") has it
 * continued: the same trace, a span of our own. Both go into the log and back
 * to the client: in the headers, or where there is no message in the trailers.
 *
 * https://www.w3.org/TR/trace-context/ */
#ifndef INTERCEPT_TRACE_H
#define INTERCEPT_TRACE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "weir/interceptor.h"

#define REQUEST_ID_MAX 64
#define TRACEPARENT    55 /* characters */

/* Texts that cannot break a line of a log. Empty: there is none. */
struct trace {
    char request_id[REQUEST_ID_MAX + 1];
    char traceparent[TRACEPARENT + 1];
};

/** A server's. No arg. What it knows of a call is the stream's context. */
extern const struct interceptor call_trace;

/** What a server's call is known by, from call_trace's on_call on until it is
 * over; NULL: its chain has no call_trace. */
const struct trace *trace_of(const struct stream *s);

/** Whether @id may be a request id: 1 to 64 letters, digits and "-_.:/+=@". */
bool request_id_valid(struct bytes id);

/** Makes a request id: 16 hexadecimal digits, seldom the same twice; no secret.
 * Any thread. */
void request_id_make(struct trace *t);

/** The traceparent of a span of ours inside the one that @parent names. false:
 * @parent is none, and t->traceparent is empty. Any thread. */
bool traceparent_continue(struct bytes parent, struct trace *t);

#endif
