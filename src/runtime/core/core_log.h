/* What gRPC's core has to say: it says some things only in its log, such as
 * why it refuses a target. */
#ifndef RUNTIME_CORE_LOG_H
#define RUNTIME_CORE_LOG_H

#include <grpc/support/log.h>

/** Has the core's lines come to @line, on whatever thread they are said, rather
 * than to standard error; NULL: to nobody. */
void core_log_init(void (*line)(gpr_log_func_args *args));

/** The last error that the core logged on this thread, since core_log_forget();
 * "" if there is none, or without core_log_init(). */
const char *core_log_error(void);
void core_log_forget(void);

#endif
