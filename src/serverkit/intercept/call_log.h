/* Writes one line for a call when it has ended: who called what, how it ended, how
 * long it took, and how much went each way. The content is never written.
 *
 * An option says which calls get a line. Errors and slow calls are always among them,
 * unless no call gets one. */
#ifndef INTERCEPT_CALL_LOG_H
#define INTERCEPT_CALL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "weir/interceptor.h"

enum call_log_which { CALL_LOG_OFF, CALL_LOG_ERRORS, CALL_LOG_SLOW, CALL_LOG_ALL };

struct call_log_options {
    int which;      /* each of them includes those before */
    int64_t sample; /* ALL: of the calls that were OK and fast, one of so many on each loop */

    /* A call is slow when its first message took longer than this; 0: none is.
     * Calls whose requests are a stream never are: their client sets the pace. */
    uint64_t slow_ms;

    bool request_ids; /* trace.h; they are of use without a log, too */
};

/** What the group sets; its defaults until options_parse(). */
extern struct call_log_options call_log_options;
extern const struct option_group call_log_group;

/** Outermost in a chain. A server's with struct call_log_options as arg; a
 * client's logs every call, at the enum log_level that its arg points to. */
extern const struct interceptor call_log;
extern const struct interceptor client_call_log;

#endif
