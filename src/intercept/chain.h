/* The interceptors of our programs, put together in one place. */
#ifndef INTERCEPT_CHAIN_H
#define INTERCEPT_CHAIN_H

#include "runtime/interceptor.h"

/** What the options ask for, of a server: outermost first. After
 * options_parse(). */
void chain_of_server(struct chain *chain);

/** The same of a client. */
void chain_of_client(struct chain *chain);

#endif
