/* The console: one page from which all methods of a server are called in a browser, in the
 * protocols that the server speaks beside gRPC.
 *
 * Its parts lie in the program (console_parts.S) and are put together once, at the start. The page
 * loads nothing but itself: its content security policy allows just this style and this
 * script, by their hashes, and calls to the server that it came from. It knows no secret
 * and is the same for everybody, so it needs no token; what it asks of the server
 * needs one wherever others do. */
#ifndef WEB_CONSOLE_H
#define WEB_CONSOLE_H

#include "weir/http/dialect.h"

struct console;

/** Makes the page. Returns it, for console_free(); NULL: out of memory. Any thread. */
struct console *console_new(void);

/** NULL is fine. No server may still use it. */
void console_free(struct console *console);

/** Answers "/". Its argument is a struct console; all loops may share one. */
extern const struct protocol console_protocol;

#endif
