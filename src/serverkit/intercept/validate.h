/* Requests that break the rules of their handler (weir/rules.h) end the call
 * with INVALID_ARGUMENT, and the field's name, before they are decoded or the
 * handler hears of them. Only where a method takes one request: of many, each
 * is answered by the handler, which checks them by the same rules. */
#ifndef INTERCEPT_VALIDATE_H
#define INTERCEPT_VALIDATE_H

#include "weir/interceptor.h"

/** A server's, innermost. No arg. */
extern const struct interceptor validate;

#endif
