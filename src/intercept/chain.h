/* The interceptors of our programs, put together in one place. */
#ifndef INTERCEPT_CHAIN_H
#define INTERCEPT_CHAIN_H

#include "runtime/interceptor.h"

struct token_check;

/** What the options ask for, of a server: outermost first. After
 * options_parse(). @tokens may be NULL: nobody is asked for one. */
void chain_of_server(struct chain *chain, struct token_check *tokens);

/** The same of a client. */
void chain_of_client(struct chain *chain);

#endif
